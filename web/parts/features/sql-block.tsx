/** An SQL text with the words of the language told apart. */
import { sqlParts } from '../../data/features/sql-parts.ts'

export function SqlBlock({ sql, label }: { sql: string; label: string }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <pre className="log short sql" tabIndex={0} role="group" aria-label={label}>
      <code>
        {sqlParts(sql.trim()).map(({ kind, text }, i) =>
          kind === 'plain' ? (
            text
          ) : (
            <span key={i} className={kind}>
              {text}
            </span>
          ),
        )}
      </code>
    </pre>
  )
}
