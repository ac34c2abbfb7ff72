/** The cells with which the row of a run begins: its name, which links to it, and its state. */
import { Link } from '@tanstack/react-router'
import { Status } from '../page/status.tsx'

export interface RunCellsProps {
  readonly run: { readonly id: string; readonly name: string; readonly status: string }
  /** Of the cell with the name. */
  readonly className?: string
}

export function RunCells({ run, className }: RunCellsProps) {
  return (
    <>
      <td className={className}>
        <Link to="/runs/$id" params={{ id: run.id }}>
          {run.name || run.id.slice(0, 8)}
        </Link>
      </td>
      <td>
        <Status word={run.status} />
      </td>
    </>
  )
}
