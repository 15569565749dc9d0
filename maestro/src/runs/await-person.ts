import type { Drive } from './drive.ts'

/**
 * Waits for what a person, or whoever else, sends a run; its clock stands still meanwhile. After BrainPorts.parkAfterMs in which nothing came it is parked:
 * everything is on record then, and it is driven no further. False when it is, or belongs to somebody else.
 */
export async function awaitPerson(drive: Drive): Promise<boolean> {
  drive.clock.stop()
  const patience = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => patience.resolve('late'), drive.ports.parkAfterMs)
  timer.unref()
  try {
    const committed = drive.commit()
    const arrived = drive.mailbox.arrival().then(() => 'arrived' as const)
    const lost = committed.then((isOwned) => (isOwned ? patience.promise : 'lost'))
    if ((await Promise.race([arrived, lost, patience.promise])) === 'arrived') return true
    if (!(await committed)) return false
    // Writing it may have taken long.
    if (drive.mailbox.size() > 0) return true
    drive.park()
    return false
  } finally {
    clearTimeout(timer)
    if (!drive.isReleased) drive.clock.start()
  }
}
