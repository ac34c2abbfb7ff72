/** A button that opens a dialog with a form; the dialog closes when its act has succeeded, and says why it was refused. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useRef } from 'react'
import type { ReactNode } from 'react'
import { DialogButtons } from './dialog-buttons.tsx'
import { Form } from './form.tsx'

type Tone = 'danger' | 'primary' | 'plain'

export interface ActionDialogProps {
  /** On the button and above the form: a verb and its object. */
  readonly label: string
  /** How the button that opens the dialog looks. */
  readonly tone?: Tone
  readonly disabled?: boolean
  /** Why the act cannot be done now, as a sentence: the button is there, and cannot be pressed. */
  readonly unavailable?: string | null
  /** On the button that performs the act, and how it looks. */
  readonly submit: string
  readonly submitTone: Tone
  /** True while the form is not complete. */
  readonly incomplete: boolean
  readonly act: () => Promise<unknown>
  readonly onOpen?: () => void
  /** Called when the act has succeeded, before what is shown is read again. */
  readonly onDone?: () => void
  readonly children: ReactNode
}

export function ActionDialog(props: ActionDialogProps) {
  const { label, tone = 'plain', disabled = false, unavailable = null, children } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const queries = useQueryClient()
  const [heading, why] = [useId(), useId()]
  const doing = useMutation({
    mutationFn: props.act,
    onSuccess: async () => {
      dialog.current?.close()
      props.onDone?.()
      await queries.invalidateQueries()
    },
  })
  if (unavailable !== null) {
    return (
      <div className="stack" style={{ gap: 4, justifyItems: 'start', maxWidth: '64ch' }}>
        <button type="button" className={`button ${tone}`} disabled aria-describedby={why}>
          {label}
        </button>
        <span id={why} className="muted small break">
          {unavailable}
        </span>
      </div>
    )
  }
  return (
    <>
      <button
        type="button"
        className={`button ${tone}`}
        disabled={disabled}
        onClick={() => {
          doing.reset()
          props.onOpen?.()
          dialog.current?.showModal()
        }}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={heading}>
        <Form className="body" onSubmit={() => doing.mutate()}>
          <h2 id={heading}>{label}</h2>
          {children}
          <DialogButtons
            label={props.submit}
            tone={props.submitTone}
            disabled={props.incomplete}
            pending={doing.isPending}
            error={doing.error}
            onCancel={() => dialog.current?.close()}
          />
        </Form>
      </dialog>
    </>
  )
}
