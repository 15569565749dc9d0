// Node's own test runner and assertions, with as much of their types as a test of a tool needs: an editor knows them without anything being installed.
export { strict as assert } from 'node:assert'
export { test } from 'node:test'
