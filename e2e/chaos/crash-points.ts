import { crashPoints as daemonPoints } from '@codegen/daemon/crash-points'
import { crashPoints as maestroPoints } from '@codegen/maestro/crash-points'
import type { Random } from './random.ts'

/** Every named crash point, as `CODEGEN_TEST_DIE_AT` names it. */
export const allCrashPoints = [
  ...Object.keys(maestroPoints).map((name) => `maestro:${name}`),
  ...Object.keys(daemonPoints).map((name) => `daemon:${name}`),
]

/** Which crash point the next process that is started is to die at: each has its turn. */
export function crashPointsInTurn(random: Random): (member: { readonly name: string }) => string | undefined {
  const turns = new Map<string, string[]>()
  return (member) => {
    if (!random.chance(0.6)) return undefined
    const kind = member.name.startsWith('maestro') ? 'maestro:' : 'daemon:'
    let left = turns.get(kind) ?? []
    if (left.length === 0) left = allCrashPoints.filter((point) => point.startsWith(kind))
    const point = random.pick(left)
    turns.set(
      kind,
      left.filter((other) => other !== point),
    )
    return `${point}:${random.between(1, 3)}`
  }
}
