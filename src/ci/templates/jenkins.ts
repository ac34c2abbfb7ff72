/** The declarative Jenkinsfile of a multibranch pipeline. */
import { commandsOf, IMAGE_KEY, imageLines, quoted } from './stages.ts'
import type { Act, Workflow } from './stages.ts'

export const JENKINS_FILE = 'Jenkinsfile'

const REPORT = 'slipway-report'

const PUBLISHED = `      post {
        always {
          junit testResults: '${REPORT}/junit.xml', allowEmptyResults: true
          archiveArtifacts artifacts: '${REPORT}/*', allowEmptyArchive: true
        }
      }
`

export function jenkinsfile(workflow: Workflow): string {
  const commands = commandsOf(workflow)
  return `// Written by: slipway ci init jenkins. It is yours to change.
${commands.stages
  .map((line) => `// ${line}\n`)
  .join(
    '',
  )}// Needs the variable SLIPWAY_URL (global properties) and the credential slipway-token (secret text)${workflow.image === undefined ? '' : `,\n// for the image slipway-registry (user name and password)${workflow.image.signed ? ' and slipway-image-key (secret file)' : ''}`}.
pipeline {
  agent any
  options {
    timeout(time: 2, unit: 'HOURS')
    disableConcurrentBuilds()
  }
  stages {
    stage('Package check') {
      steps {
${shell([...commands.presence, ...commands.check])}
      }
    }
${workflow.tests === undefined ? '' : testStage(workflow)}    stage('Change: train, evaluate, gate, register') {
      // a change of a fork is checked and not trained: its code would run with the rights of the token
      when {
        changeRequest()
        expression { env.CHANGE_FORK == null }
      }
      environment {
        SLIPWAY_TOKEN = credentials('slipway-token')
      }
      steps {
${shell(reported(workflow, 'run'))}
      }
${PUBLISHED}    }
    stage('Merge: train, evaluate, gate, register${commands.merge === 'ship --merge' ? ', canary' : ''}') {
      when {
        branch ${groovy(workflow.branch)}
      }
      environment {
        SLIPWAY_TOKEN = credentials('slipway-token')
      }
      steps {
${shell(reported(workflow, commands.merge))}
      }
${PUBLISHED}    }
${imageStage(workflow)}${canaryStage(workflow)}  }
}
`
}

function testStage(workflow: Workflow): string {
  return `    stage('Tests') {
      steps {
${shell(commandsOf(workflow).tests)}
      }
    }
`
}

/** Stages come one after the other, and none after one that failed: it is of what the gates have passed alone. */
function imageStage(workflow: Workflow): string {
  if (workflow.image === undefined) return ''
  const login = { user: 'REGISTRY_USR', password: 'REGISTRY_PSW' }
  return `    stage('Image of the steps') {
      when {
        branch ${groovy(workflow.branch)}
      }
      environment {
${workflow.image.serves ? "        SLIPWAY_TOKEN = credentials('slipway-token')\n" : ''}        REGISTRY = credentials('slipway-registry')
${workflow.image.signed ? `        ${IMAGE_KEY} = credentials('slipway-image-key')\n` : ''}      }
      steps {
${shell([`rm -rf ${quoted(REPORT)}`, ...imageLines(workflow, workflow.image, login)])}
      }
    }
`
}

/** The canary begins with what has its image alone. */
function canaryStage(workflow: Workflow): string {
  const commands = commandsOf(workflow)
  if (!commands.canaryApart) return ''
  return `    stage('Canary') {
      when {
        branch ${groovy(workflow.branch)}
      }
      environment {
        SLIPWAY_TOKEN = credentials('slipway-token')
      }
      steps {
${shell(commands.canary)}
      }
    }
`
}

/** The workspace is kept between builds: what an earlier one reported is no part of the commit. */
function reported(workflow: Workflow, act: Act): string[] {
  return [`rm -rf ${quoted(REPORT)}`, ...commandsOf(workflow).model(act, REPORT)]
}

/** A step of the shell; its text is taken letter by letter. */
function shell(lines: readonly string[]): string {
  const text = lines.map((line) => `          ${line}`).join('\n')
  return `        sh ${groovy(`\n${text}\n        `)}`
}

/** A text of Groovy in which nothing is replaced. */
function groovy(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  return text.includes('\n') ? `'''${escaped}'''` : `'${escaped}'`
}
