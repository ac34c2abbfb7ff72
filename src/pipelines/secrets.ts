/** Secrets of steps, as the server's own environment holds them. */

/** The value of `SLIPWAY_SECRET_<PROJECT>_<NAME>`, else of `SLIPWAY_SECRET_<NAME>`; the project in capitals, other signs as `_`. */
export function secretFromEnvironment(project: string, name: string): Promise<string | undefined> {
  const scope = project.toUpperCase().replace(/[^A-Z0-9]/g, '_')
  return Promise.resolve(process.env[`SLIPWAY_SECRET_${scope}_${name}`] ?? process.env[`SLIPWAY_SECRET_${name}`])
}
