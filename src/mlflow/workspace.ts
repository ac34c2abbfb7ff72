/** MLflow's workspace header: the project that a call is about. */
import { name } from '../contract/fields.ts'
import type { Principal } from '../contract/access.ts'
import type { Call } from '../http/mount.ts'
import { invalid, mlflowProblem } from './wire.ts'

const HEADER = 'x-mlflow-workspace'

/**
 * The caller as one of the project that its header names; without a header the caller as it is. INVALID_PARAMETER_VALUE for a
 * name that no project can have, PERMISSION_DENIED for a project that is not the caller's.
 */
export function inWorkspace(
  who: Principal,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Principal {
  const given = headers[HEADER]
  if (given === undefined || given === '') return who
  const parsed = name.safeParse(given)
  if (!parsed.success) throw invalid(`Invalid workspace name '${String(given).slice(0, 100)}'.`)
  if (who.project === parsed.data) return who
  if (who.project !== null) {
    throw mlflowProblem('PERMISSION_DENIED', `Permission denied for workspace '${parsed.data}'.`)
  }
  return { ...who, project: parsed.data }
}

/** The call as `inWorkspace` sees its caller. */
export function callInWorkspace(call: Call): Call {
  const who = inWorkspace(call.who, call.headers)
  return who === call.who ? call : withCaller(call, who)
}

/** The same call by another principal; what the call makes when it is asked for is still made only then. */
function withCaller(call: Call, who: Principal): Call {
  const { params, query, body, headers, request_id, ip, head } = call
  return {
    params,
    query,
    body,
    who,
    headers,
    request_id,
    ip,
    head,
    get origin() {
      return call.origin
    },
    get signal() {
      return call.signal
    },
    get search() {
      return call.search
    },
  }
}
