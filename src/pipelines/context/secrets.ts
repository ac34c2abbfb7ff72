/** Secrets of steps, as the server's own environment holds them. */
import type { Reader } from '../../store/db.ts'

const PREFIX = 'SLIPWAY_SECRET_'

/** How variables of a project begin after `SLIPWAY_SECRET_`: its name in capitals, other signs as `_`. */
export function scopeOf(project: string): string {
  return project.toUpperCase().replace(/[^A-Z0-9]/g, '_')
}

/**
 * The value of `SLIPWAY_SECRET_<PROJECT>_<NAME>`, else of `SLIPWAY_SECRET_<NAME>`. A variable that begins with the name of one of
 * `projects` is that project's alone, of several the one with the longest name: a step of another project cannot ask for it by
 * spelling it out.
 */
export function secretFromEnvironment(project: string, name: string, projects: readonly string[]): string | undefined {
  const own = scopeOf(project)
  const scopes = [own, ...projects.map(scopeOf)]
  const mayRead = (variable: string): boolean => {
    const owners = scopes.filter((scope) => variable.startsWith(`${scope}_`))
    const longest = Math.max(0, ...owners.map(({ length }) => length))
    return owners.length === 0 || (owners.includes(own) && own.length === longest)
  }
  return [`${own}_${name}`, name].filter(mayRead).flatMap((variable) => process.env[PREFIX + variable] ?? [])[0]
}

/** The same among the projects that have pipelines. */
export async function secretOf(reader: Reader, project: string, name: string): Promise<string | undefined> {
  const rows = await reader.all<{ project: string }>('SELECT DISTINCT project FROM pipeline_versions')
  return secretFromEnvironment(
    project,
    name,
    rows.map((row) => row.project),
  )
}
