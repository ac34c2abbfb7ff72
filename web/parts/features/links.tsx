/** Links to a feature view and to a feature service. */
import { Link } from '@tanstack/react-router'

export interface ViewLinkProps {
  readonly project: string | undefined
  readonly name: string
  /** Absent = the newest, without a word of it. */
  readonly version?: number
  /** One of its features, which the link names. */
  readonly feature?: string
  readonly className?: string
}

export function ViewLink({ project, name, version, feature, className }: ViewLinkProps) {
  return (
    <Link
      to="/features/views/$name"
      params={{ name }}
      search={{ project, version: version === undefined ? undefined : String(version) }}
      className={className}
    >
      {name}
      {version !== undefined && `@${version}`}
      {feature !== undefined && `:${feature}`}
    </Link>
  )
}

export function ServiceLink({ project, name, className }: Omit<ViewLinkProps, 'version' | 'feature'>) {
  return (
    <Link to="/features/services/$name" params={{ name }} search={{ project }} className={className}>
      {name}
    </Link>
  )
}
