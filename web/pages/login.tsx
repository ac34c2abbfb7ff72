/** Shown when there is no session: how to get one. */
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { Command } from '../parts/page/command.tsx'
import { Page } from '../parts/page/page.tsx'
import * as read from '../data/queries.ts'

export function LoginPage() {
  const { back = '/', link } = useSearch({ from: '/login' })
  const me = useQuery({ ...read.me, retry: false })
  return (
    <Page title="Log in to Slipway">
      <div className="panel">
        <div className="body">
          {link === 'used' && <p className="bad-text">This login link was used before, or is older than 15 minutes.</p>}
          {me.data === undefined || me.error !== null ? (
            <>
              <p>
                This browser has no session. On the machine where Slipway runs, or wherever its token is set, make a
                link and open it here:
              </p>
              <Command text="slipway env --link" />
              <p className="muted">
                The link works once and for 15 minutes; the session lasts until you log out or its token is revoked.
              </p>
            </>
          ) : (
            <p>
              You are logged in as {me.data.name}. <a href={back}>Continue</a>
            </p>
          )}
        </div>
      </div>
    </Page>
  )
}
