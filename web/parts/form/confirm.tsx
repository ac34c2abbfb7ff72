/** An act that changes something: shows what will happen, asks once, tells how it went. */
import { useId, useState } from 'react'
import type { ReactNode } from 'react'
import type { Access } from '../../../src/contract/access.ts'
import { ActionDialog } from './action-dialog.tsx'
import { usePermission } from './permissions.ts'

export interface ConfirmProps {
  /** On the button, and again on the one that confirms: a verb and its object. */
  readonly label: string
  /** What will happen, in words. */
  readonly preview: ReactNode
  /** Performs the act; gets the reason that was typed. */
  readonly act: (reason: string) => Promise<unknown>
  readonly tone?: 'danger' | 'primary' | 'plain'
  /** Whether a reason must be given; `optional` shows the field. */
  readonly reason?: 'required' | 'optional' | 'none'
  readonly disabled?: boolean
  /** True while what the preview asks for is not chosen. */
  readonly incomplete?: boolean
  /** Why the act would be refused now, as a sentence: it is shown, and cannot be opened. */
  readonly unavailable?: string | null
  /** What the act takes: it is not offered to a role that the server would refuse. */
  readonly needs?: Access
  /** Why the act is held up now, as a sentence: it goes on only where the person says so, with a reason. */
  readonly frozen?: string | null
}

export function Confirm({ needs = 'public', ...offered }: ConfirmProps) {
  return usePermission(needs) ? <ConfirmButton {...offered} /> : null
}

function ConfirmButton(props: Omit<ConfirmProps, 'needs'>) {
  const { label, preview, act, tone = 'plain', disabled = false, unavailable = null, frozen = null } = props
  const [why, setWhy] = useState('')
  const [overrides, setOverrides] = useState(false)
  const reason = frozen === null ? (props.reason ?? 'none') : 'required'
  return (
    <ActionDialog
      label={label}
      tone={tone}
      disabled={disabled}
      unavailable={unavailable}
      submit={label}
      submitTone={tone}
      incomplete={
        props.incomplete === true || (reason === 'required' && why.trim() === '') || (frozen !== null && !overrides)
      }
      act={() => act(why.trim())}
      onDone={() => {
        setWhy('')
        setOverrides(false)
      }}
    >
      <div className="break">{preview}</div>
      {frozen !== null && <Override why={frozen} value={overrides} onChange={setOverrides} />}
      {reason !== 'none' && <Reason value={why} required={reason === 'required'} onChange={setWhy} />}
    </ActionDialog>
  )
}

function Override(props: { why: string; value: boolean; onChange: (value: boolean) => void }) {
  return (
    <div className="notice">
      <p className="break">{props.why}</p>
      <label className="row" style={{ flexWrap: 'nowrap' }}>
        <input type="checkbox" checked={props.value} onChange={(event) => props.onChange(event.target.checked)} />
        Proceed despite the freeze; your name and reason are recorded
      </label>
    </div>
  )
}

function Reason(props: { value: string; required: boolean; onChange: (value: string) => void }) {
  const field = useId()
  return (
    <div style={{ display: 'grid', gap: 4 }}>
      <label htmlFor={field}>{props.required ? 'Reason (recorded in the history)' : 'Reason (optional)'}</label>
      <input
        id={field}
        value={props.value}
        maxLength={1000}
        required={props.required}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </div>
  )
}
