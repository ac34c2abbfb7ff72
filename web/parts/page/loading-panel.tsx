/** A panel whose content is not there yet, where what it shows later takes another form. */
import type { UseQueryResult } from '@tanstack/react-query'
import { Panel } from './page.tsx'
import { Loaded, type LoadedProps } from './placeholders.tsx'

/** The skeleton, or why there is nothing to be shown. */
export function LoadingPanel<T>({
  title,
  ...read
}: { title: string; query: UseQueryResult<T> } & Pick<LoadedProps<T>, 'what' | 'height'>) {
  return (
    <Panel title={title} flush>
      <Loaded {...read}>{() => null}</Loaded>
    </Panel>
  )
}
