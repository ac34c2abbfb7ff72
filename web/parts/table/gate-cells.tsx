/** Cells of tables about gates: what a gate is called and how it ended, and why something is as it is. */
import type { ReactNode } from 'react'
import { Status } from '../page/status.tsx'

export function GateCells({ gate }: { gate: { name: string; slice: string | null; outcome: string } }) {
  return (
    <>
      <td className="break">
        {gate.name}
        {gate.slice !== null && <div className="muted small">{gate.slice}</div>}
      </td>
      <td>
        <Status word={gate.outcome} />
      </td>
    </>
  )
}

/** A sentence, in a column that is never too narrow to read. */
export function WhyCell({ children }: { children: ReactNode }) {
  return (
    <td className="break" style={{ minWidth: 240 }}>
      {children}
    </td>
  )
}
