/** What the person who looks may do, by the role of the session; the server decides again. */
import { useQuery } from '@tanstack/react-query'
import { permits } from '../../../src/contract/access.ts'
import type { Access } from '../../../src/contract/access.ts'
import * as read from '../../data/queries.ts'

/** Whether an act is offered; not before it is known who looks. */
export function usePermission(access: Access): boolean {
  const { data } = useQuery(read.me)
  if (access === 'public') return true
  return data !== undefined && permits({ ...data, token_id: null }, access)
}
