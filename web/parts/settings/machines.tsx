/** Jobs of CI that come in by an ID token: whom which issuer may vouch for. */
import { useQuery } from '@tanstack/react-query'
import type { machinesApi, MachineTrust } from '../../../src/contract/identity/machines.ts'
import { call } from '../../data/api.ts'
import * as read from '../../data/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { DataTable } from '../table/data-table.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { GuardedPanel } from './guarded-panel.tsx'
import { NewMachine } from './new-machine.tsx'

const MANAGE = { verb: 'manage', resource: 'tokens' } as const

export function Machines() {
  return (
    <GuardedPanel
      title="Machines"
      note="jobs of CI that exchange an ID token for a short-lived token, so that none is stored there"
      access={MANAGE}
      tools={<NewMachine />}
      refusal="Only admins may see the machines"
    >
      <Trusts />
    </GuardedPanel>
  )
}

function Trusts() {
  const trusts = useQuery(read.machineTrusts)
  return (
    <Loaded query={trusts} what="The machines" height={80}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="No machine is trusted: jobs of CI need a stored token" />
        ) : (
          <DataTable headings={['Name', 'Who it is', 'What it gets', 'Added by', ['Added', 'num'], ['Actions', 'sr']]}>
            {items.map((one) => (
              <Trust key={one.id} trust={one} />
            ))}
          </DataTable>
        )
      }
    </Loaded>
  )
}

function Trust({ trust }: { trust: MachineTrust }) {
  return (
    <tr data-row>
      <td className="break">{trust.name}</td>
      <td className="break">
        <Identity trust={trust} />
      </td>
      <td>
        {trust.role} of {trust.project}, {trust.minutes} min
      </td>
      <td>{trust.created_by}</td>
      <TimeCell at={trust.created_at} />
      <td className="num">
        <Confirm
          label="Remove"
          needs={MANAGE}
          tone="danger"
          preview={
            <p>Jobs get no new token as {trust.name}. Tokens that it has go on to their end, minutes from now.</p>
          }
          act={() =>
            call<typeof machinesApi.removeTrust>('DELETE', '/v1/machine-trusts/:id', { params: { id: trust.id } })
          }
        />
      </td>
    </tr>
  )
}

function Identity({ trust }: { trust: MachineTrust }) {
  return (
    <div className="stack" style={{ gap: 2 }}>
      <code>{trust.subject}</code>
      <span className="muted small">
        {Object.entries(trust.claims)
          .map(([claim, value]) => `${claim} ${value}`)
          .join(', ')}
      </span>
      <span className="muted small">
        by {trust.issuer}, for {trust.audience}
      </span>
    </div>
  )
}
