/** Where tests make what confined programs may not write: not below the temporary folders, in which every program may. */
import assert from 'node:assert/strict'
import { accessSync, constants, existsSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'

/** A folder that the user of the tests can write and no confined program: home and checkout may lie below a temporary one. */
export function elsewhere(): string {
  const uid = process.getuid?.() ?? 0
  const choices = [homedir(), import.meta.dirname, `/run/user/${uid}`, '/run/lock', '/var/lib']
  const found = choices.filter((one) => existsSync(one)).map((one) => realpathSync(one))
  const fit = found.find((one) => !/^\/(?:tmp|var\/tmp|dev\/shm)(?:\/|$)/.test(one) && canWrite(one))
  return fit ?? assert.fail(`none of ${choices.join(', ')} can be written and lies outside of temporary folders`)
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
