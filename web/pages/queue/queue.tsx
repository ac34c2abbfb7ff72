/** Queue: which steps wait for a place, and why; which hold one, and what they take. */
import { StepQueuePanel } from '../../parts/pipeline-run/step-queue.tsx'
import { Page } from '../../parts/page/page.tsx'
import { RunningPanel } from '../../parts/queue/running.tsx'
import { QueueTabs } from '../../parts/queue/tabs.tsx'
import { WaitingPanel } from '../../parts/queue/waiting.tsx'

export function QueuePage() {
  return (
    <Page title="Queue" lead="Steps of all pipelines: what waits for a place and why, what runs and what it takes.">
      <QueueTabs />
      <StepQueuePanel />
      <WaitingPanel />
      <RunningPanel />
    </Page>
  )
}
