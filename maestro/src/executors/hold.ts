const heldMax = 1_000

/** Keeps what came for a run that is being read. Beyond the bound it is as if it had not come: nothing that is held has been acknowledged, so it comes again. */
export function hold<One>(waiting: One[], one: One): void {
  if (waiting.length < heldMax) waiting.push(one)
}
