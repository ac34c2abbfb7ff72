/** Which service is looked through, in which of its versions. */
import type { FeatureService } from '../../../src/contract/features/catalogue.ts'

/** `version`: absent = the newest. */
interface Choice {
  readonly service: string
  readonly version: string | undefined
}

export interface ServiceChoiceProps {
  readonly services: readonly FeatureService[]
  readonly chosen: FeatureService
  readonly version: string | undefined
  readonly onChange: (choice: Choice) => void
}

export function ServiceChoice({ services, chosen, version, onChange }: ServiceChoiceProps) {
  const versions = Array.from({ length: chosen.version }, (_, i) => chosen.version - i)
  return (
    <div className="row">
      <label className="row">
        As seen by
        <select value={chosen.name} onChange={(event) => onChange({ service: event.target.value, version: undefined })}>
          {services.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label className="row">
        version
        <select
          value={version ?? ''}
          onChange={(event) =>
            onChange({ service: chosen.name, version: event.target.value === '' ? undefined : event.target.value })
          }
        >
          {versions.map((one) => (
            <option key={one} value={one === chosen.version ? '' : one}>
              {one === chosen.version ? `${one}, the newest` : one}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}
