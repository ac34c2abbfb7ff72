/** Locks of uv that cannot be held against their project by the two files alone. */

/** Why nobody can tell from the two files alone whether the lock is as new as its project; undefined where uv can. */
export function unjudged(files: Readonly<Record<string, string>>): string | undefined {
  const project = files['pyproject.toml'] ?? ''
  if (/^dynamic\s*=[^\]]*["'](?:optional-)?dependencies["']/m.test(project)) return 'its dependencies are dynamic'
  if (/^\[tool\.uv\.workspace\]/m.test(project)) return 'it is a workspace'
  return /\b(?:path|workspace)\s*=\s*(?:["']|true)/.test(sourcesOf(project)) ? 'it has sources of its own' : undefined
}

/** The sections of uv's sources. */
function sourcesOf(project: string): string {
  return (project.match(/^\[tool\.uv\.sources\b[^]*?(?=^\[|$(?![^]))/gm) ?? []).join('\n')
}
