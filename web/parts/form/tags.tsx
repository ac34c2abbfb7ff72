/** Tags of a thing: read, found, set and removed. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { Access } from '../../../src/contract/access.ts'
import { usePermission } from './permissions.ts'
import { Facts } from '../page/page.tsx'
import { LongText } from '../page/long-text.tsx'
import { FilterablePanel } from '../table/filterable-panel.tsx'
import { ErrorText } from './error-text.tsx'
import { Form } from './form.tsx'

export interface TagsProps {
  readonly tags: readonly (readonly [key: string, value: string])[]
  readonly needs: Access
  /** A null value removes the tag. */
  readonly set: (key: string, value: string | null) => Promise<unknown>
}

export function TagsPanel({ tags, needs, set }: TagsProps) {
  const allowed = usePermission(needs)
  const queries = useQueryClient()
  const change = useMutation({
    mutationFn: ({ key, value }: { key: string; value: string | null }) => set(key, value),
    onSuccess: () => queries.invalidateQueries(),
  })
  if (!allowed && tags.length === 0) return null
  return (
    <FilterablePanel title="Tags" items={tags} textOf={([key, value]) => `${key} ${value}`}>
      {(found) => (
        <>
          {found.length === 0 && <p className="muted">No tags.</p>}
          <Facts
            items={found.map(([key, value]) => [
              key,
              <span key={key} className="row">
                <span className="break">
                  <LongText text={value} />
                </span>
                {allowed && !isKept(key) && (
                  <button
                    type="button"
                    className="button quiet"
                    disabled={change.isPending}
                    onClick={() => change.mutate({ key, value: null })}
                  >
                    Remove<span className="sr"> the tag {key}</span>
                  </button>
                )}
              </span>,
            ])}
          />
          {allowed && (
            <NewTag
              busy={change.isPending}
              onSet={(key, value, onDone) => change.mutate({ key, value }, { onSuccess: onDone })}
            />
          )}
          <ErrorText error={change.error} />
        </>
      )}
    </FilterablePanel>
  )
}

/** What programs have written is not for people to remove. */
function isKept(key: string): boolean {
  return key.startsWith('mlflow.') || key.startsWith('slipway.')
}

interface NewTagProps {
  readonly busy: boolean
  /** Calls back when the tag is set; what is refused stays in its fields. */
  readonly onSet: (key: string, value: string, onDone: () => void) => void
}

function NewTag({ busy, onSet }: NewTagProps) {
  const [key, setKey] = useState('')
  const [value, setValue] = useState('')
  const fields = { key: useId(), value: useId() }
  return (
    <Form
      className="row"
      onSubmit={() => {
        onSet(key.trim(), value, () => {
          setKey('')
          setValue('')
        })
      }}
    >
      <label htmlFor={fields.key}>Key</label>
      <input id={fields.key} value={key} maxLength={250} onChange={(event) => setKey(event.target.value)} />
      <label htmlFor={fields.value}>Value</label>
      <input id={fields.value} value={value} onChange={(event) => setValue(event.target.value)} />
      <button type="submit" className="button" disabled={busy || key.trim() === ''}>
        Set tag
      </button>
    </Form>
  )
}
