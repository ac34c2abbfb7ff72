/** A version: may it go to production, and where does it come from? */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import type { registryApi } from '../../../src/contract/registry.ts'
import { call } from '../../data/api.ts'
import { Graph } from '../../charts/graph.tsx'
import { bytes, count, figure, fullSentence, words } from '../../../src/contract/text/format.ts'
import { pageOf } from '../../data/page-links.ts'
import { Confirm } from '../../parts/form/confirm.tsx'
import { Loaded } from '../../parts/page/placeholders.tsx'
import { useContents, versionPath } from '../../parts/data/version-link.tsx'
import { MergeTimePanel } from '../../parts/merges/merge-times.tsx'
import { AttestationsPanel } from '../../parts/version/attestations.tsx'
import { Gates } from '../../parts/version/gates.tsx'
import { AskedGates } from '../../parts/model/asked-gates.tsx'
import { ModelDescription } from '../../parts/model/description.tsx'
import { AliasHistory } from '../../parts/model/moves.tsx'
import { Facts, Page, Panel } from '../../parts/page/page.tsx'
import { NewEndpoint } from '../../parts/version/new-endpoint.tsx'
import { PackageProofPanel } from '../../parts/version/package-proof.tsx'
import { Signature } from '../../parts/version/signature.tsx'
import { overrideSentence } from '../../parts/endpoint/variants.tsx'
import { Scanned, ScanResult } from '../../parts/version/scan.tsx'
import { FilterablePanel } from '../../parts/table/filterable-panel.tsx'
import { Status, Tag } from '../../parts/page/status.tsx'
import { Trust } from '../../parts/version/trust.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { RunLink } from '../../parts/page/run-link.tsx'
import * as read from '../../data/queries.ts'
import type { KnownVersion, Version } from '../../data/queries.ts'

export function VersionPage() {
  const { name, version: number } = useParams({ from: '/models/$name/versions/$version' })
  const version = useQuery(read.version(name, number))
  const moves = useQuery(read.moves(name))
  const { data } = version
  return (
    <Page
      title={`${name} version ${number}`}
      crumbs={
        <>
          <Link to="/models">Models</Link> /{' '}
          <Link to="/models/$name" params={{ name }}>
            {name}
          </Link>
        </>
      }
      {...(data && {
        beside: data.aliases.map((alias) => <Tag key={alias}>{alias}</Tag>),
        lead: <Lead version={data} />,
        actions: (
          <>
            <NewEndpoint version={data} />
            <Promote version={data} />
          </>
        ),
      })}
    >
      <AskedGates model={name} />
      <Loaded query={version} what={`Version ${number} of ${name}`} height={480}>
        {(one) => (
          <>
            <Panel title="Gates" {...(one.verdict && { note: <Judged verdict={one.verdict} /> })} flush>
              <Gates verdict={one.verdict} />
            </Panel>
            <div className="two">
              <div className="stack">
                <Panel title="Serving">
                  <Answers version={one} />
                </Panel>
                <MergeTimePanel model={name} version={number} />
                <Panel title="Approvals and signature">
                  <Trust version={one} />
                </Panel>
              </div>
              <Measured metrics={one.metrics} />
            </div>
            <Panel title="File scan" {...(one.scan && { note: <Scanned scan={one.scan} /> })} flush long>
              <ScanResult scan={one.scan} />
            </Panel>
            <PackageProofPanel model={name} version={number} />
            <AttestationsPanel model={name} version={number} />
            <ModelDescription model={name} version={number} description={one.description} tags={one.tags} />
            <Panel title="Lineage" note="from data to endpoints">
              <LineagePart name={name} number={number} />
            </Panel>
            <Panel title="Signature" flush>
              <Signature signature={one.signature} />
            </Panel>
            <AliasHistory query={moves} version={number} />
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Measured({ metrics }: { metrics: Version['metrics'] }) {
  return (
    <FilterablePanel title="Metrics" items={Object.entries(metrics)} textOf={([key]) => key}>
      {(found) =>
        found.length === 0 ? (
          <p className="muted">No metrics were logged.</p>
        ) : (
          <Facts items={found.map(([key, value]) => [key, figure(value)])} />
        )
      }
    </FilterablePanel>
  )
}

function Lead({ version }: { version: Version }) {
  return (
    <>
      Created <RelativeTime at={version.created_at} /> by {version.created_by}
      {version.pipeline_run_id !== null && (
        <>
          {' '}
          in{' '}
          <Link to="/pipelines/$id" params={{ id: version.pipeline_run_id }}>
            a pipeline run
          </Link>
          {' ('}
          <Link to="/pipelines/$id/report" params={{ id: version.pipeline_run_id }}>
            what it changed
          </Link>
          )
        </>
      )}
      {version.run_id !== null && (
        <>
          , logged as <RunLink id={version.run_id} />
        </>
      )}
      .
    </>
  )
}

function Judged({ verdict }: { verdict: NonNullable<Version['verdict']> }) {
  return (
    <span className="row">
      <Status
        word={verdict.passed ? 'passed' : 'failed'}
        label={verdict.passed ? 'may go to production' : 'may not go to production'}
      />
      <span>
        evaluated <RelativeTime at={verdict.at} />
        {verdict.against !== null && ` against ${verdict.against}`}
      </span>
    </span>
  )
}

const SERVED: Readonly<Record<string, string>> = {
  native: 'natively in the gateway',
  onnx: 'by ONNX Runtime in the gateway',
  python: 'by Python scorers',
}

/** How many rows say that the answers are Python's, and how far they are from them. */
function proofOf({ probes, worst_ulp, onnx }: Version['lowering']): string {
  if (probes === null) return '–'
  const rows = `${count(probes)} rows replayed`
  if (onnx !== null) return `${rows}, largest difference ${onnx.deviation.toExponential(1)} of the answer`
  return worst_ulp === null ? rows : `${rows}, largest difference ${figure(worst_ulp)} ulp`
}

const WHY: Readonly<Record<string, string>> = {
  native: 'a replay gave the same answers as Python',
  onnx: 'the ONNX graph gave the same answers as Python',
}

/** The graph that answers: where it comes from, which one it is. */
function Export({ onnx }: { onnx: NonNullable<Version['lowering']['onnx']> }) {
  const { origin, path, digest, output } = onnx
  return (
    <span className="break">
      {origin === 'given' ? 'stored with the model' : 'exported from the model'}
      {path !== null && (
        <>
          {' '}
          as <code>{path}</code>
        </>
      )}
      , {bytes(onnx.bytes)}, <code title={digest}>{digest.slice(0, 23)}</code>; uses output <code>{output}</code>
    </span>
  )
}

function Answers({ version }: { version: KnownVersion }) {
  const { lowering } = version
  return (
    <Facts
      items={[
        ['Served', <Status key="s" word={lowering.state} label={SERVED[lowering.state] ?? words(lowering.state)} />],
        ...version.overridden.map(
          (one) =>
            [
              `On ${one.endpoint}`,
              <Status
                key={one.endpoint}
                word="overridden"
                tone="warn"
                label={`${one.variant}, ${overrideSentence(one)}`}
              />,
            ] as const,
        ),
        ...(version.not_granted ?? []).map(
          (one) => ['Not taken over', <Status key={one} word="kept" tone="warn" label={one} />] as const,
        ),
        ['Why', lowering.reason ?? WHY[lowering.state] ?? '–'],
        ['Parity', proofOf(lowering)],
        ...(lowering.onnx === null ? [] : [['ONNX', <Export key="o" onnx={lowering.onnx} />] as const]),
        ['Size', bytes(version.size)],
        [
          'Files',
          <code key="t" title={version.tree ?? ''}>
            {version.tree?.slice(0, 23) ?? '–'}
          </code>,
        ],
        ['Reproducibility', version.reproducibility ?? 'not checked yet'],
        ...(version.reproducibility === null
          ? [['Check it with', <code key="c">slipway reproduce {version.model}</code>] as const]
          : []),
      ]}
    />
  )
}

/** The digest that a node of data is named by. */
function contentOf({ id, kind }: { id: string; kind: string }): string[] {
  return kind === 'dataset' ? [id.replace(/^dataset:/, '')] : []
}

function LineagePart({ name, number }: { name: string; number: string }) {
  const lineage = useQuery(read.lineage(name, number))
  const contents = useContents(lineage.data?.nodes.flatMap(contentOf) ?? [])
  const navigate = useNavigate()
  return (
    <Loaded query={lineage} what="The lineage" height={160}>
      {({ nodes, edges }) => (
        <Graph
          label="Lineage"
          nodes={nodes.map((node) => {
            const [found] = contentOf(node).flatMap((digest) => contents.get(digest) ?? [])
            const { id, kind, label, href } = node
            return {
              id,
              detail: words(kind),
              ...(found === undefined
                ? { name: label, href: pageOf(href) }
                : { name: `${found.name}@${found.version}`, href: versionPath(found) }),
            }
          })}
          edges={edges}
          chosen={
            nodes.find(
              (node) =>
                node.kind === 'version' && node.href?.endsWith(`/${encodeURIComponent(name)}/versions/${number}`),
            )?.id
          }
          onFollow={(href) => void navigate({ href })}
        />
      )}
    </Loaded>
  )
}

const ALIAS = 'production'

function Promote({ version }: { version: KnownVersion }) {
  if (version.aliases.includes(ALIAS)) return null
  return (
    <Confirm
      label="Promote to production"
      needs={{ verb: 'promote', resource: 'models' }}
      tone="primary"
      reason="required"
      unavailable={version.refusal === null ? null : `Its gates refuse it. ${fullSentence(version.refusal)}`}
      preview={
        <p>
          The alias {ALIAS} of {version.model} moves to version {version.version} if its gates pass. Endpoints that
          follow the alias start a rollout.
        </p>
      }
      act={(reason) =>
        call<typeof registryApi.moveAlias>('PUT', '/v1/models/:name/aliases/:alias', {
          params: { name: version.model, alias: ALIAS },
          body: { version: version.version, reason },
        })
      }
    />
  )
}
