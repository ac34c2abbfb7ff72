/** A run in a sentence, by the first characters of its id. */
import { Link } from '@tanstack/react-router'

export function RunLink({ id }: { id: string }) {
  return (
    <Link to="/runs/$id" params={{ id }}>
      run {id.slice(0, 8)}
    </Link>
  )
}
