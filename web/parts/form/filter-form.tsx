/** A form around the field of a filter: it is applied as a whole, and cleared where one is set. */
import type { ReactNode } from 'react'
import { Form } from './form.tsx'

export interface FilterFormProps {
  /** The filter that is applied now; empty = none. */
  readonly applied: string
  /** What stands in the field. */
  readonly text: string
  readonly className?: string
  readonly onApply: (text: string) => void
  readonly children: ReactNode
}

export function FilterForm({ applied, text, className = '', onApply, children }: FilterFormProps) {
  return (
    <Form className={`row ${className}`} onSubmit={() => onApply(text.trim())}>
      {children}
      <button type="submit" className="button">
        Filter
      </button>
      {applied !== '' && (
        <button type="button" className="button quiet" onClick={() => onApply('')}>
          Clear
        </button>
      )}
    </Form>
  )
}
