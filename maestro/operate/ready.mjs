// Whether the Maestro of this container serves: exit code 0 or 1, and why not.
const port = process.env.MAESTRO_PORT || '7717'
try {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_500) })
  if (!answer.ok) process.stderr.write(`${await answer.text()}\n`)
  process.exitCode = answer.ok ? 0 : 1
} catch (error) {
  process.stderr.write(`Maestro does not answer on port ${port}: ${String(error)}\n`)
  process.exitCode = 1
}
