/** Why an act was refused, beside the control that asked for it. */
import { describe } from '../../data/api.ts'

/** Nothing without an error. */
export function ErrorText({ error }: { error: Error | null }) {
  if (error === null) return null
  return (
    <p className="bad-text break" role="alert">
      {describe(error).message}
    </p>
  )
}
