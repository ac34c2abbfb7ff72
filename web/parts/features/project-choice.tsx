/** The project whose features are shown: a choice for who sees several, a word for who sees one. */
import type { ChosenProject } from '../../data/features/projects.ts'

export interface ProjectChoiceProps {
  readonly project: ChosenProject
  readonly onChange: (project: string) => void
}

export function ProjectChoice({ project: { name, others }, onChange }: ProjectChoiceProps) {
  if (others.length === 0) return <span className="muted row">Project {name}</span>
  return (
    <label className="row">
      Project
      <select value={name} onChange={(event) => onChange(event.target.value)}>
        {[name, ...others].toSorted().map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  )
}
