/** The cell of a table that says when. */
import { RelativeTime } from '../page/relative-time.tsx'

/** A cell at the right edge, as other figures. `at`: an ISO time. */
export function TimeCell({ at }: { at: string }) {
  return (
    <td className="num">
      <RelativeTime at={at} />
    </td>
  )
}
