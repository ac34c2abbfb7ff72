/** The cell of a table that holds what can be done with its row. */
import type { ReactNode } from 'react'

/** Its buttons stand side by side at the right edge. */
export function ActionsCell({ children }: { children: ReactNode }) {
  return (
    <td>
      <div className="row" style={{ flexWrap: 'nowrap', justifyContent: 'flex-end' }}>
        {children}
      </div>
    </td>
  )
}
