/** `slipway ci init`: writes the workflow of a CI system for a project; writes nothing over. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { readUserText } from '../../contract/absence/user-file.ts'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { GITHUB_FILE, githubWorkflow } from '../../ci/templates/github.ts'
import { GITLAB_FILE, gitlabPipeline } from '../../ci/templates/gitlab.ts'
import { JENKINS_FILE, jenkinsfile } from '../../ci/templates/jenkins.ts'
import { commandsOf } from '../../ci/templates/stages.ts'
import type { Workflow } from '../../ci/templates/stages.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { readProject } from '../../pipelines/spec/parse.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { readProjectFile } from '../project/file/project-file.ts'
import { repositoryOf } from '../project/git.ts'
import { testsOf } from './tests.ts'

const SYSTEMS = {
  github: { file: GITHUB_FILE, write: githubWorkflow },
  gitlab: { file: GITLAB_FILE, write: gitlabPipeline },
  jenkins: { file: JENKINS_FILE, write: jenkinsfile },
} as const

export async function init(invocation: Invocation): Promise<number> {
  const [, name, given = '.'] = invocation.args
  const system = Object.entries(SYSTEMS).find(([key]) => key === name)?.[1]
  if (system === undefined) {
    const said = name === undefined ? 'needs a CI system' : `does not know "${name}"`
    throw new UsageError(`slipway ci init ${said}; expected github, gitlab or jenkins`)
  }
  if (name === 'jenkins' && invocation.flags['oidc'] === true)
    throw new UsageError('--oidc is not for jenkins: it gives its jobs no ID tokens')
  const project = resolve(given)
  const root = (await repositoryOf(project)) ?? project
  const workflow = await workflowOf(invocation, { project, root })
  const path = join(root, system.file)
  const written = system.write(workflow)
  const there = await ifMissing(readUserText(path))
  if (there !== undefined && there !== written)
    throw new UsageError(`${path} exists already; it is left as it is. Move it away first`)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, written)
  invocation.out.data({ written: path, stages: commandsOf(workflow).stages })
  invocation.out.line(`Wrote ${path}.`)
  for (const line of commandsOf(workflow).stages) invocation.out.line(line)
  return 0
}

interface Where {
  readonly project: string
  readonly root: string
}

async function workflowOf(invocation: Invocation, { project, root }: Where): Promise<Workflow> {
  const { file, text: source } = await readProjectFile(project)
  const read = readProject(source)
  if (read.project === undefined)
    throw new UsageError(
      `${join(project, file)} has faults; slipway validate ${relative('.', project) || '.'} names them`,
    )
  return {
    folder: plain('the folder of the project', relative(root, project).split(sep).join('/') || '.'),
    branch: plain('--branch', text(invocation, 'branch') ?? 'main'),
    install: oneLine(text(invocation, 'install')),
    oidc: invocation.flags['oidc'] === true,
    tests: await testsOf(project, read.project.python),
    endpoint: read.project.endpoint?.name,
    image: await imageOf(invocation, project),
  }
}

/** Where the image goes; wheels that the project keeps are taken along. */
async function imageOf(invocation: Invocation, project: string): Promise<Workflow['image']> {
  const repository = text(invocation, 'image')
  const signed = invocation.flags['sign'] === true
  const serves = invocation.flags['serve'] === true
  const given = signed ? '--sign' : serves ? '--serve' : undefined
  if (repository === undefined && given !== undefined)
    throw new UsageError(`${given} is for an image; name its place with --image`)
  if (repository === undefined) return undefined
  if (!/^[a-z0-9][a-z0-9.-]*(?::\d+)?(?:\/[a-z0-9][a-z0-9._-]*)+$/.test(repository))
    throw new UsageError(`--image is "${repository}"; expected REGISTRY/REPOSITORY without a tag, which is the commit`)
  const entries = await readdir(project, { withFileTypes: true })
  const wheels = entries.some((one) => one.name === 'wheels' && one.isDirectory())
  return { repository, wheels: wheels ? 'wheels' : undefined, signed, serves }
}

/** Workflows are texts in which such names stand in several grammars. */
function plain(what: string, name: string): string {
  if (/^[\w./-]+$/.test(name)) return name
  throw new UsageError(`${what} is "${name}"; expected letters, digits, "_", ".", "/" and "-"`)
}

function oneLine(command: string | undefined): string | undefined {
  if (command === undefined || !/[\r\n]/.test(command)) return command
  throw new UsageError('--install has several lines; expected one command')
}
