/** Packages that differ between two environments. */
import type { PackageChange } from '../../contract/changes/report.ts'
import type { Lock } from '../../envs/lock.ts'

type Packages = Pick<Lock, 'packages' | 'python_version'>

/** Changed, new and gone packages by name; Python itself is one of them. */
export function diffPackages(before: Packages, after: Packages): PackageChange[] {
  const [old, now] = [versions(before), versions(after)]
  return [...new Set([...old.keys(), ...now.keys()])]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .filter((name) => old.get(name) !== now.get(name))
    .map((name) => ({ name, before: old.get(name) ?? null, after: now.get(name) ?? null }))
}

function versions({ packages, python_version }: Packages): Map<string, string> {
  return new Map([['python', python_version], ...packages.map(({ name, version }) => [name, version] as const)])
}
