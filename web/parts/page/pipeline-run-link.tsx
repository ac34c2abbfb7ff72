/** A link to a run of a pipeline, in a row that says what it is of. */
import { Link } from '@tanstack/react-router'

/** `of`: what the run is of, which a screen reader says, as one that lists the links of a page reads no rows. */
export function PipelineRunLink({ id, of }: { id: string; of: string }) {
  return (
    <Link to="/pipelines/$id" params={{ id }}>
      run<span className="sr"> of {of}</span>
    </Link>
  )
}
