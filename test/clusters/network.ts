/** Programs in a network of their own, where clusters have the addresses and ports that they like. */
import { execFileSync } from 'node:child_process'

/** How a network of its own is had: as root, or as root of a user namespace of its own. */
const NETWORKS = [
  ['unshare', '--net'],
  ['unshare', '--net', '--map-root-user'],
]
const UP = 'ip link set lo up && exec "$0" "$@"'

/** The words that run a program in a network of its own; undefined where the system does not let us. */
export function ownNetwork(): string[] | undefined {
  const found = NETWORKS.find(([program = '', ...args]) => {
    try {
      execFileSync(program, [...args, 'sh', '-c', UP, 'true'], { stdio: 'ignore', timeout: 120_000 })
      return true
    } catch {
      return false
    }
  })
  return found === undefined ? undefined : [...found, 'sh', '-c', UP]
}
