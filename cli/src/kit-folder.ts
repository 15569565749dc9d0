import { resolve } from 'node:path'

/** Where what a plugin is written with lies, in a checkout as in an installation. */
export function kitFolder(): string {
  return resolve(import.meta.dirname, '../../plugins/kit')
}
