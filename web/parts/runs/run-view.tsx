/** How the runs are shown: grouped by what, with the curve of which metric, or those of the bin. */
import { titleOf } from '../../data/runs/columns.ts'

const ATTRIBUTES = ['attributes.status', 'attributes.user_id', 'attributes.experiment_id'] as const
const NAMES: Readonly<Record<string, string>> = {
  'attributes.status': 'state',
  'attributes.user_id': 'user',
  'attributes.experiment_id': 'experiment',
}

export interface GroupSelectProps {
  readonly value: string
  readonly offered: readonly string[]
  readonly onChange: (group: string) => void
}

export function GroupSelect({ value, offered, onChange }: GroupSelectProps) {
  const of = (kind: string): string[] => offered.filter((column) => column.startsWith(kind))
  return (
    <label className="row">
      Group by
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">nothing</option>
        {ATTRIBUTES.map((column) => (
          <option key={column} value={column}>
            {NAMES[column]}
          </option>
        ))}
        <Choices label="Params" columns={of('params.')} />
        <Choices label="Tags" columns={of('tags.')} />
        {value !== '' && !offered.includes(value) && NAMES[value] === undefined && (
          <option value={value}>{titleOf(value)}</option>
        )}
      </select>
    </label>
  )
}

function Choices({ label, columns }: { label: string; columns: readonly string[] }) {
  if (columns.length === 0) return null
  return (
    <optgroup label={label}>
      {columns.map((column) => (
        <option key={column} value={column}>
          {titleOf(column)}
        </option>
      ))}
    </optgroup>
  )
}

export interface SparkSelectProps {
  readonly value: string
  readonly metrics: readonly string[]
  readonly onChange: (metric: string) => void
}

export function SparkSelect({ value, metrics, onChange }: SparkSelectProps) {
  const all = value === '' || value === 'none' || metrics.includes(value) ? metrics : [value, ...metrics]
  return (
    <label className="row">
      Curve
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="none">none</option>
        {all.map((metric) => (
          <option key={metric}>{metric}</option>
        ))}
      </select>
    </label>
  )
}

export interface StageSelectProps {
  /** What is shown when it is not the bin; default runs. */
  readonly of?: string
  readonly value: 'deleted' | undefined
  readonly onChange: (stage: 'deleted' | undefined) => void
}

export function StageSelect({ of = 'runs', value, onChange }: StageSelectProps) {
  return (
    <label className="row">
      Show
      <select
        value={value ?? 'active'}
        onChange={(event) => onChange(event.target.value === 'deleted' ? 'deleted' : undefined)}
      >
        <option value="active">{of}</option>
        <option value="deleted">the bin</option>
      </select>
    </label>
  )
}
