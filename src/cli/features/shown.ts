/** Entities and values in the cells of a table. */
import type { FeatureService } from '../../contract/features/catalogue.ts'
import type { Row } from './rows.ts'

/** `driver_id=7 start=Basel`. */
export function entityText(entity: Row): string {
  return Object.entries(entity)
    .map(([key, value]) => `${key}=${valueText(value)}`)
    .join(' ')
}

/** Nothing for null; texts as they are. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Of each column the view that it is of, by the name that it has in the service. */
export function viewsOfColumns(service: FeatureService | undefined): ReadonlyMap<string, string> {
  return new Map((service?.columns ?? []).map(({ name, of }) => [name, of.split(':')[0] ?? '']))
}
