/** An act that changes something: shows what will happen, asks once, tells how it went. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import type { Access } from '../../../src/contract/access.ts'
import { DialogButtons } from './dialog-buttons.tsx'
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
  /** What the act takes: it is not offered to a role that the server would refuse. */
  readonly needs?: Access
  /** Why the act is held up now, as a sentence: it goes on only where the person says so, with a reason. */
  readonly frozen?: string | null
}

export function Confirm({ needs = 'public', ...offered }: ConfirmProps) {
  return usePermission(needs) ? <Offered {...offered} /> : null
}

function Offered({ label, preview, act, tone = 'plain', disabled = false, ...given }: Omit<ConfirmProps, 'needs'>) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [why, setWhy] = useState('')
  const [overrides, setOverrides] = useState(false)
  const isFrozen = given.frozen !== undefined && given.frozen !== null
  const reason = isFrozen ? 'required' : (given.reason ?? 'none')
  const queries = useQueryClient()
  const heading = useId()
  const doing = useMutation({
    mutationFn: act,
    onSuccess: async () => {
      dialog.current?.close()
      setWhy('')
      setOverrides(false)
      await queries.invalidateQueries()
    },
  })
  const missing = (reason === 'required' && why.trim() === '') || (isFrozen && !overrides)
  return (
    <>
      <button
        type="button"
        className={`button ${tone}`}
        disabled={disabled}
        onClick={() => {
          doing.reset()
          dialog.current?.showModal()
        }}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={heading}>
        <form
          className="body"
          onSubmit={(event) => {
            event.preventDefault()
            doing.mutate(why.trim())
          }}
        >
          <h2 id={heading}>{label}</h2>
          <div className="break">{preview}</div>
          {isFrozen && <Override why={given.frozen ?? ''} value={overrides} onChange={setOverrides} />}
          {reason !== 'none' && <Reason value={why} required={reason === 'required'} onChange={setWhy} />}
          <DialogButtons
            label={label}
            tone={tone}
            disabled={missing}
            pending={doing.isPending}
            error={doing.error}
            onCancel={() => dialog.current?.close()}
          />
        </form>
      </dialog>
    </>
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
