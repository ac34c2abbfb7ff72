/** The features of a view, and what each is taken of. */
import type { ViewFeature } from '../../../src/contract/features/catalogue.ts'
import { originOf } from '../../data/features/feature-words.ts'
import { DataTable } from '../table/data-table.tsx'

export function ViewFeatures({ features }: { features: readonly ViewFeature[] }) {
  return (
    <DataTable headings={['Feature', 'Type', 'Taken of']}>
      {features.map((one) => (
        <tr key={one.name} data-row>
          <td className="key name strong">{one.name}</td>
          <td>{one.type}</td>
          <td className="break">{originOf(one)}</td>
        </tr>
      ))}
    </DataTable>
  )
}
