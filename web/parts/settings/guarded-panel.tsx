/** A panel that says who may see it to those who may not. */
import type { ReactNode } from 'react'
import type { Access } from '../../../src/contract/access.ts'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'

export interface GuardedPanelProps {
  readonly title: string
  readonly note: string
  readonly access: Access
  /** Offered to those who may see it. */
  readonly tools: ReactNode
  /** What the others read. */
  readonly refusal: string
  readonly children: ReactNode
}

export function GuardedPanel({ title, note, access, tools, refusal, children }: GuardedPanelProps) {
  const allowed = usePermission(access)
  return (
    <Panel title={title} note={note} flush tools={allowed && tools}>
      {allowed ? children : <Empty title={refusal} />}
    </Panel>
  )
}
