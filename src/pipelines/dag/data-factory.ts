/** A pipeline of Azure Data Factory that starts a run and waits for its end, and the trigger that starts it by the project's schedule. */
import { problem } from '../../contract/errors.ts'
import { kubernetesName, serverNotes, type Dag, type Laid } from './laid.ts'
import { recurrenceOf } from './recurrence.ts'

const LOOK_S = 30
/** The longest that Data Factory waits. */
const LONGEST = '90.00:00:00'
/** A question is asked again while the server or the network is away. */
const ASKED_AGAIN = { timeout: '0.00:02:00', retry: 10, retryIntervalInSeconds: 60 }

export function dataFactoryDag(laid: Laid): Dag {
  const { project, spec } = laid
  const name = kubernetesName(project)
  refuseExpression(laid.url)
  const recurrence = recurrenceOf(spec)
  const template = {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    metadata: { writtenBy: 'slipway dag data-factory', project },
    parameters: { factoryName: { type: 'string' }, tokenSecretUrl: { type: 'string' } },
    resources: [
      part('pipelines', name, { properties: pipelineOf(laid), dependsOn: [] }),
      ...(recurrence === undefined
        ? []
        : [
            part('triggers', `${name}-schedule`, {
              properties: triggerOf(name, recurrence),
              dependsOn: [
                `[resourceId('Microsoft.DataFactory/factories/pipelines', parameters('factoryName'), '${name}')]`,
              ],
            }),
          ]),
    ],
  }
  return {
    file: `${name}.data-factory.json`,
    text: `${JSON.stringify(template, null, 2)}\n`,
    notes: [
      'Deploy it: az deployment group create --resource-group GROUP --template-file FILE --parameters factoryName=NAME tokenSecretUrl=URL',
      'tokenSecretUrl is the address of a secret of Key Vault that holds the token; the identity of the factory has to be allowed to read it.',
      'The steps run where the project file says, and not in Azure: Data Factory starts the run and waits for its end. To cancel the pipeline there ends no run here.',
      'Its parameter params is JSON of params of the pipeline.',
      ...(recurrence === undefined
        ? [
            'The project file has no schedule, so no trigger is written; any trigger of Data Factory may start the pipeline.',
          ]
        : [`Its trigger is deployed stopped; start it: az datafactory trigger start --trigger-name ${name}-schedule`]),
      ...serverNotes(laid),
    ],
  }
}

/** A part of the factory, as a resource of a template of Azure. */
function part(type: string, own: string, rest: { readonly properties: object; readonly dependsOn: string[] }): object {
  return {
    type: `Microsoft.DataFactory/factories/${type}`,
    apiVersion: '2018-06-01',
    name: `[concat(parameters('factoryName'), '/${own}')]`,
    ...rest,
  }
}

/** Its texts are templates, in which `@{…}` is an expression. */
function refuseExpression(url: string): void {
  if (!url.includes('@')) return
  throw problem('unprocessable', {
    detail: `Data Factory reads "@" as the beginning of an expression, and the address ${url} has one`,
  })
}

function pipelineOf({ project, version, url }: Laid): object {
  const name = 'data-factory @{pipeline().DataFactory} @{pipeline().RunId}'
  const runs = `${url.replace(/\/$/, '')}/v1/pipeline-runs`
  return {
    description: `Pipeline ${project} of Slipway, version ${version}`,
    parameters: { params: { type: 'String', defaultValue: '{}' } },
    variables: { outcome: { type: 'String' }, message: { type: 'String' } },
    annotations: ['slipway'],
    activities: [
      {
        name: 'Token',
        type: 'WebActivity',
        policy: { ...ASKED_AGAIN, secureOutput: true },
        typeProperties: {
          method: 'GET',
          url: `[concat(parameters('tokenSecretUrl'), '?api-version=7.4')]`,
          authentication: { type: 'MSI', resource: 'https://vault.azure.net' },
        },
      },
      asks('Start', 'Token', {
        method: 'POST',
        url: runs,
        // the name makes calls that are repeated one run
        body: `{"pipeline_version": "${version}", "once": "${name}", "set": @{pipeline().parameters.params}}`,
      }),
      {
        name: 'Until it has ended',
        type: 'Until',
        dependsOn: after('Start'),
        typeProperties: {
          expression: expression(`@not(equals(variables('outcome'), ''))`),
          timeout: LONGEST,
          activities: [
            { name: 'Wait', type: 'Wait', typeProperties: { waitTimeInSeconds: LOOK_S } },
            asks('Look', 'Wait', { method: 'GET', url: `${runs}/@{activity('Start').output.id}` }),
            // the end comes last: whoever sees it sees the message too
            sets('message', `@coalesce(activity('Look').output?.message, '')`, 'Look'),
            sets('outcome', `@coalesce(activity('Look').output?.outcome, '')`, 'Set message'),
          ],
        },
      },
      {
        name: 'Whether it succeeded',
        type: 'IfCondition',
        dependsOn: after('Until it has ended'),
        typeProperties: {
          expression: expression(`@equals(variables('outcome'), 'succeeded')`),
          ifFalseActivities: [
            {
              name: 'Say why not',
              type: 'Fail',
              typeProperties: {
                message: expression(
                  `@concat('the run has ended as ', variables('outcome'), ': ', variables('message'))`,
                ),
                errorCode: expression(`@variables('outcome')`),
              },
            },
          ],
        },
      },
    ],
  }
}

/** A call of the server once another activity has succeeded. */
function asks(name: string, before: string, request: object): object {
  return {
    name,
    type: 'WebActivity',
    dependsOn: after(before),
    policy: { ...ASKED_AGAIN, secureInput: true },
    typeProperties: {
      ...request,
      headers: { 'content-type': 'application/json', authorization: `Bearer @{activity('Token').output.value}` },
    },
  }
}

function sets(variable: string, value: string, before: string): object {
  return {
    name: `Set ${variable}`,
    type: 'SetVariable',
    dependsOn: after(before),
    typeProperties: { variableName: variable, value: expression(value) },
  }
}

function after(activity: string): object[] {
  return [{ activity, dependencyConditions: ['Succeeded'] }]
}

function expression(value: string): object {
  return { type: 'Expression', value }
}

function triggerOf(pipeline: string, recurrence: object): object {
  return {
    type: 'ScheduleTrigger',
    annotations: ['slipway'],
    pipelines: [{ pipelineReference: { type: 'PipelineReference', referenceName: pipeline }, parameters: {} }],
    typeProperties: { recurrence },
  }
}
