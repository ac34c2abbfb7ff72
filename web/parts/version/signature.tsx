/** The inputs and outputs of a model by its signature, whatever its shape. */
import { columnsOf } from '../../data/models/signature-columns.ts'
import { Empty } from '../page/placeholders.tsx'
import { DataTable } from '../table/data-table.tsx'

export function Signature({ signature }: { signature: Readonly<Record<string, unknown>> | null }) {
  const columns = signature === null ? [] : columnsOf(signature)
  if (columns.length === 0) {
    return <Empty title="No signature">Log one with mlflow.models.infer_signature so that inputs can be checked.</Empty>
  }
  return (
    <DataTable headings={['Side', 'Name', 'Type', 'Required']}>
      {columns.map((column, i) => (
        <tr key={`${column.side} ${column.name} ${i}`}>
          <td>{column.side}</td>
          <td className="break">{column.name}</td>
          <td>{column.type}</td>
          <td>{column.required ? 'yes' : 'no'}</td>
        </tr>
      ))}
    </DataTable>
  )
}
