/** The end of a dialog that changes something: why it was refused, and its two buttons. */
import { ErrorText } from './error-text.tsx'

export interface DialogButtonsProps {
  /** On the button that goes on. */
  readonly label: string
  readonly tone: 'danger' | 'primary' | 'plain'
  readonly disabled: boolean
  readonly pending: boolean
  /** What the last try was answered; null = nothing yet. */
  readonly error: Error | null
  readonly onCancel: () => void
}

export function DialogButtons({ label, tone, disabled, pending, error, onCancel }: DialogButtonsProps) {
  return (
    <>
      <ErrorText error={error} />
      <div className="row" style={{ justifyContent: 'flex-end' }}>
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className={`button ${tone}`} disabled={disabled || pending}>
          {pending ? 'Working' : label}
        </button>
      </div>
    </>
  )
}
