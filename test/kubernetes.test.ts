import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { agentSettings } from '../agent/config.js';
import { serverSettings } from '../server/config.js';
import { type Settings, valueIfUnset } from '../shared/runtime/config.js';
import { fileVariableOf } from '../shared/runtime/secret-file.js';
import { repositoryRoot } from '../testing/processes.js';

/**
 * The manifests in deploy/kubernetes, without a cluster: against the schemas of the Kubernetes API, and against what
 * the programs and images of this repository really have.
 */

const folder = 'deploy/kubernetes';
const guide = 'docs/how-to/run-on-kubernetes.md';
const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const kustomizationFile = 'kustomization.yaml';
const files = readdirSync(join(repositoryRoot, folder)).filter(
  (name) => name.endsWith('.yaml') && name !== kustomizationFile,
);

const schemasFile = z
  .object({ kinds: z.record(z.string(), z.string()), definitions: z.record(z.string(), z.json()) })
  .parse(JSON.parse(read(`${folder}/schemas.json`)));

/** Refuses unknown fields wherever a schema says which there are: the cluster would drop them, or refuse the whole. */
function strictly(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strictly);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strictly(value)]));
  return 'properties' in inner && 'type' in inner ? { ...inner, additionalProperties: false } : inner;
}

const ajv = new Ajv2020({ allErrors: true, strict: true });
ajv.addFormat('int32', { type: 'number', validate: (n: number) => Math.abs(n) < 2 ** 31 });
ajv.addFormat('int64', { type: 'number', validate: Number.isSafeInteger });
ajv.addFormat('quantity', /^[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/);
ajv.addFormat('byte', /^[\w+/]*=*$/);
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT/);
ajv.addSchema({ $id: 'kubernetes', definitions: strictly(schemasFile.definitions) });

/** Returns what the schema of a document's kind finds wrong with it: nothing if it fits. */
function faultsOf(document: unknown): string[] {
  const { apiVersion, kind } = headSchema.parse(document);
  const definition = schemasFile.kinds[`${apiVersion}/${kind}`];
  if (definition === undefined) return [`there is no schema of ${apiVersion} ${kind}`];
  const validate = ajv.compile({ $ref: `kubernetes${definition}` });
  if (validate(document) === true) return [];
  return (validate.errors ?? []).map(({ instancePath, message = '', params }) =>
    [instancePath, message, params['additionalProperty']].filter(Boolean).join(' '),
  );
}

const labelsSchema = z.record(z.string(), z.string());
const headSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), labels: labelsSchema.default({}) }),
});

/** Documents as YAML has them. A key that is given twice, or a tab, is an error of its own. */
const documentsIn = (file: string): unknown[] =>
  parseAllDocuments(read(`${folder}/${file}`)).map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([]);
    return z.unknown().parse(document.toJS());
  });

const documents = files.flatMap((file) =>
  documentsIn(file).map((document) => {
    const { kind, metadata } = headSchema.parse(document);
    return { file, kind, name: metadata.name, labels: metadata.labels, document };
  }),
);
const documentOf = (kind: string, name: string): unknown =>
  documents.find((one) => one.kind === kind && one.name === name)?.document;

const probeSchema = z.looseObject({
  httpGet: z
    .looseObject({
      path: z.string(),
      port: z.union([z.string(), z.number()]),
      httpHeaders: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
    })
    .optional(),
  exec: z.object({ command: z.array(z.string()) }).optional(),
  periodSeconds: z.number(),
  timeoutSeconds: z.number(),
  failureThreshold: z.number().default(3),
});
type Probe = z.infer<typeof probeSchema>;

const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()).default([]),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z
          .object({
            fieldRef: z.object({ fieldPath: z.string() }).optional(),
            secretKeyRef: z.object({ name: z.string(), key: z.string() }).optional(),
          })
          .optional(),
      }),
    )
    .default([]),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
  startupProbe: probeSchema.optional(),
  livenessProbe: probeSchema.optional(),
  readinessProbe: probeSchema.optional(),
  lifecycle: z.object({ preStop: z.object({ exec: z.object({ command: z.array(z.string()) }) }) }).optional(),
  resources: z.object({
    requests: z.record(z.string(), z.string()),
    limits: z.record(z.string(), z.string()),
  }),
  securityContext: z.looseObject({}),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
});

const selectorSchema = z.object({
  matchLabels: labelsSchema.default({}),
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.literal('In'), values: z.array(z.string()) }))
    .default([]),
});

const workloadSchema = headSchema.extend({
  spec: z.looseObject({
    replicas: z.number(),
    serviceName: z.string().optional(),
    selector: selectorSchema,
    template: z.object({
      metadata: z.object({ labels: labelsSchema }),
      spec: z.looseObject({
        automountServiceAccountToken: z.boolean(),
        enableServiceLinks: z.boolean(),
        shareProcessNamespace: z.boolean().default(false),
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.looseObject({ runAsNonRoot: z.boolean(), runAsUser: z.number() }),
        containers: z.tuple([containerSchema]),
        volumes: z
          .array(
            z.looseObject({
              name: z.string(),
              secret: z
                .object({
                  secretName: z.string(),
                  items: z.array(z.object({ key: z.string(), path: z.string() })),
                })
                .optional(),
              configMap: z.object({ name: z.string() }).optional(),
            }),
          )
          .default([]),
      }),
    }),
    volumeClaimTemplates: z.array(z.looseObject({ metadata: z.object({ name: z.string() }) })).default([]),
  }),
});

const workloads = documents
  .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
  .map(({ file, document }) => {
    const { kind, metadata, spec } = workloadSchema.parse(document);
    const { labels } = spec.template.metadata;
    const [container] = spec.template.spec.containers;
    const title = `${kind} ${metadata.name}`;
    return { title, file, kind, name: metadata.name, spec, labels, pod: spec.template.spec, container };
  });
type Workload = (typeof workloads)[number];

const programs: Readonly<Record<string, { readonly settings: Settings; readonly dockerfile: string }>> = {
  server: { settings: serverSettings, dockerfile: read('server/Dockerfile') },
  agent: { settings: agentSettings, dockerfile: read('agent/Dockerfile') },
};
const ours = workloads.filter(({ container }) => container.name in programs);
const agents = ours.filter(({ container }) => container.name === 'agent');

/** The environment that a program finds: what its image sets, and the manifest over it. */
function environmentOf({ container, name }: Workload): Map<string, string> {
  const [, line = ''] = /^ENV (.*)$/m.exec(programs[container.name]?.dockerfile ?? '') ?? [];
  const image = [...line.matchAll(/(\w+)=(\S+)/g)].map(([, key = '', value = '']) => [key, value] as const);
  const given = container.env.map(({ name: key, value, valueFrom }) => {
    // The longest that Kubernetes makes of the name of a Deployment.
    const isName = valueFrom?.fieldRef?.fieldPath === 'metadata.name';
    return [key, isName ? `${name}-0123456789-abcde` : (value ?? '')] as const;
  });
  return new Map([...image, ...given]);
}

/** A setting in ms as the program has it: from its environment, else its default. */
function millisecondsOf(workload: Workload, variable: string): number {
  const settings = Object.values(programs[workload.container.name]?.settings ?? {});
  const setting = settings.find((one) => one.variable === variable);
  const given = environmentOf(workload).get(variable);
  return z.number().parse(given === undefined ? setting && valueIfUnset(setting.schema) : Number(given));
}

const fits = (
  { matchLabels, matchExpressions }: z.infer<typeof selectorSchema>,
  labels: z.infer<typeof labelsSchema>,
) =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''));
const workloadsOf = (selector: z.input<typeof selectorSchema>): string[] =>
  workloads.filter(({ labels }) => fits(selectorSchema.parse(selector), labels)).map(({ name }) => name);

test.each(documents)('$file: $kind $name fits the schema of the Kubernetes API', ({ document }) => {
  expect(faultsOf(document)).toEqual([]);
});

/** One mistake in a text: its place, what it becomes, and what is said of it. */
const mistakes: readonly (readonly [file: string, from: string, to: string, fault: string])[] = [
  [
    'server.yaml',
    'terminationGracePeriodSeconds:',
    'terminationGracePeriodSecond:',
    'terminationGracePeriodSecond',
  ],
  ['server.yaml', 'readinessProbe:', 'readynessProbe:', 'readynessProbe'],
  ['server.yaml', 'maxUnavailable: 1', 'maxUnavailble: 1', 'maxUnavailble'],
  ['server.yaml', 'replicas: 2', "replicas: '2'", '/spec/replicas must be integer'],
  ['server.yaml', 'strategy:', 'updateStrategy:', 'updateStrategy'],
  [
    'agents.yaml',
    'Parallel',
    'parallel',
    '/spec/podManagementPolicy must be equal to one of the allowed values',
  ],
  ['agents.yaml', 'serviceName: fencepost-agent', '', "must have required property 'serviceName'"],
  ['agents.yaml', 'storage: 1Gi', 'storage: 1 GiB', '/resources/requests/storage'],
  ['agents-ephemeral.yaml', 'emptyDir: {}', 'emptyDir:', '/emptyDir must be object'],
  ['agents-ephemeral.yaml', 'apiVersion: apps/v1', 'apiVersion: apps/v2', 'no schema of apps/v2 Deployment'],
  ['network-policies.yaml', 'podSelector: {}', 'podSelectors: {}', 'podSelectors'],
  ['redis.yaml', 'name: data\n      spec:', 'name: data\n      specs:', '/volumeClaimTemplates/0 must NOT'],
];
test.each(mistakes)('%s: %j as %j is refused', (file, from, to, fault) => {
  const text = read(`${folder}/${file}`);
  expect(text).toContain(from);
  const faults = parseAllDocuments(text.replace(from, to)).flatMap((one) => faultsOf(one.toJS()));
  expect(faults.join('\n')).toContain(fault);
});

test('kustomization.yaml has every file, agents of one kind, and images of this version', () => {
  const kustomization = z
    .strictObject({
      apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
      kind: z.literal('Kustomization'),
      resources: z.array(z.string()),
      images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })),
    })
    .parse(parse(read(`${folder}/${kustomizationFile}`)));
  expect([...kustomization.resources, 'agents-ephemeral.yaml'].sort()).toEqual(files.sort());
  const { version } = z.looseObject({ version: z.string() }).parse(JSON.parse(read('package.json')));
  const composeSchema = z.looseObject({
    services: z.record(z.string(), z.looseObject({ image: z.string() })),
  });
  const built = composeSchema.parse(parse(read('docker-compose.yml'), { merge: true })).services;
  const released = composeSchema.parse(parse(read('docker-compose.prod.yml'), { merge: true })).services;
  const registered = (side: string) =>
    (released[side]?.image ?? '').replace(/\$\{GITHUB_REPOSITORY[^}]*\}/, 'owner/name').replace(/:\$.*$/, '');
  expect(kustomization.images).toEqual(
    ['server', 'agent'].map((side) => ({
      name: built[side]?.image,
      newName: registered(side),
      newTag: version,
    })),
  );
  expect(workloads.map(({ container }) => [container.name, container.image])).toEqual(
    workloads.map(({ container }) => [container.name, built[container.name]?.image]),
  );
});

test('Redis has the settings of redis.conf, and is started as by docker-compose.prod.yml', () => {
  const settingsIn = (text: string) =>
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const { data } = z
    .looseObject({ data: z.record(z.string(), z.string()) })
    .parse(documentOf('ConfigMap', 'fencepost-redis'));
  expect(Object.keys(data)).toEqual(['redis.conf']);
  expect(settingsIn(data['redis.conf'] ?? '')).toEqual(settingsIn(read('redis.conf')));

  const compose: unknown = parse(read('docker-compose.prod.yml'), { merge: true });
  const { command } = z
    .looseObject({ services: z.looseObject({ redis: z.looseObject({ command: z.array(z.string()) }) }) })
    .parse(compose).services.redis;
  const redis = workloads.find(({ name }) => name === 'fencepost-redis');
  const plain = (line: string) => line.replaceAll('$$', '$').replace(/\$\{REDIS_MAXMEMORY:-(\w+)\}/, '$1');
  expect(redis?.container.args).toEqual(command.map(plain));
  expect(redis?.container.env.map(({ name }) => name)).toEqual(['REDISCLI_AUTH']);
  expect(redis?.container.volumeMounts).toMatchObject([
    { mountPath: '/data' },
    { mountPath: '/etc/fencepost' },
  ]);
  // One, whatever happens: never a second one on the same volume, nor beside it.
  expect(redis).toMatchObject({ kind: 'StatefulSet', spec: { replicas: 1 } });
  // Room for the copies that Redis makes while it rewrites its file.
  expect(redis?.container.args.join(' ')).toContain('--maxmemory 1500mb');
  expect(redis?.container.resources.limits).toMatchObject({ memory: '2Gi' });
});

describe.each(ours)('$title in $file', (workload) => {
  const { container, pod, spec } = workload;
  const { settings = {}, dockerfile = '' } = programs[container.name] ?? {};
  const environment = environmentOf(workload);

  test('is given settings that the program has, with values that it takes', () => {
    const rules = new Map(Object.values(settings).map(({ variable, schema }) => [variable, schema]));
    const filed = Object.values(settings).filter(({ secret }) => secret);
    for (const { variable } of filed) rules.set(fileVariableOf(variable), z.string().startsWith('/'));
    for (const [name, value] of environment) {
      expect([name, rules.has(name)]).toEqual([name, true]);
      expect([name, value, rules.get(name)?.safeParse(value).success]).toEqual([name, value, true]);
    }
    expect(environment.get('NODE_ENV')).toBe('production');
  });

  test('may end in good order before it is killed', () => {
    const [program, seconds = '0'] = container.lifecycle?.preStop.exec.command ?? ['sleep'];
    expect(program).toBe('sleep');
    // A process takes up to 4 s more than GRACE_MS.
    const needed = Number(seconds) + millisecondsOf(workload, 'GRACE_MS') / 1000 + 4;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed);
  });

  test('reads the address of Redis from the file that is mounted', () => {
    const mount = container.volumeMounts.find(({ name }) => name === 'redis-url');
    const secret = pod.volumes.find(({ name }) => name === 'redis-url')?.secret;
    expect(environment.get('REDIS_URL_FILE')).toBe(`${mount?.mountPath}/${secret?.items[0]?.path}`);
    expect(secret).toMatchObject({ secretName: 'fencepost-redis', items: [{ key: 'url' }] });
    // The programs warn of a secret that every user can read unless an orchestrator has put it there.
    expect(mount?.mountPath).toMatch(/^\/run\/secrets\//);
  });

  test('runs as the user of its image, and writes to volumes alone', () => {
    // `node` in the image: a name, which the kubelet cannot tell from root.
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
  });

  test('spreads its own Pods over the nodes', () => {
    const [spread] = z
      .array(z.looseObject({ labelSelector: selectorSchema }))
      .parse(pod['topologySpreadConstraints']);
    expect(spread?.labelSelector).toEqual(spec.selector);
  });
});

test.each(workloads)('$title is hardened, and has what it mounts', ({ container, pod, spec }) => {
  expect(pod).toMatchObject({
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  // The CPU has no limit: what is throttled renews its lease late.
  expect(Object.keys(container.resources.requests).sort()).toEqual(['cpu', 'memory']);
  expect(Object.keys(container.resources.limits)).toEqual(['memory']);
  const volumes = [...pod.volumes, ...spec.volumeClaimTemplates.map(({ metadata }) => metadata)];
  expect(volumes.map(({ name }) => name).sort()).toEqual(
    container.volumeMounts.map(({ name }) => name).sort(),
  );
  const configMaps = pod.volumes.flatMap(({ configMap }) => (configMap ? [configMap.name] : []));
  for (const name of configMaps) expect(documentOf('ConfigMap', name)).toBeDefined();
});

describe('the probes of the server', () => {
  const server = ours.find(({ container }) => container.name === 'server');
  const { startupProbe, livenessProbe, readinessProbe, ports } = server?.container ?? {};

  test('ask for paths that it has, at the port that it listens on', () => {
    expect(ports).toEqual([
      { name: 'http', containerPort: Number(server && environmentOf(server).get('PORT')) },
    ]);
    const { paths } = z
      .looseObject({ paths: z.record(z.string(), z.json()) })
      .parse(JSON.parse(read('docs/reference/openapi.json')));
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      expect(probe?.httpGet?.port).toBe('http');
      expect(Object.keys(paths)).toContain(probe?.httpGet?.path);
      // With ALLOWED_HOSTS the address of the Pod would be refused.
      expect(probe?.httpGet?.httpHeaders).toEqual([{ name: 'Host', value: 'localhost' }]);
    }
  });

  test('restart it when it does not answer, and not when Redis is away', () => {
    expect(livenessProbe?.httpGet?.path).toBe('/health');
    expect(startupProbe?.httpGet?.path).toBe('/health');
    expect(readinessProbe?.httpGet?.path).toBe('/ready');
  });

  test('reach it: it listens on more than loopback', () => {
    expect(server && environmentOf(server).get('HOST')).toBe('0.0.0.0');
  });
});

test.each(agents)(
  'the probes of $title run the probe of its image, and wait for a command that blocks',
  (agent) => {
    const { startupProbe, livenessProbe, readinessProbe } = agent.container;
    const { dockerfile = '' } = programs['agent'] ?? {};
    const [, workdir] = /^WORKDIR (\S+)$/m.exec(dockerfile) ?? [];
    const [, relative = ''] =
      /^ {2}CMD node (dist\/\S+) "http:\/\/127\.0\.0\.1:\$\{HEALTH_PORT\}"$/m.exec(dockerfile) ?? [];
    // It is there once the sources are built.
    expect(read(relative.replace('dist/', '').replace(/\.js$/, '.ts'))).toContain('process.exit');
    const url = `http://127.0.0.1:${environmentOf(agent).get('HEALTH_PORT')}`;
    // The health port is on loopback, which `httpGet` does not reach.
    const command = ['node', `${workdir}/${relative}`, url];
    expect([startupProbe?.exec?.command, livenessProbe?.exec?.command]).toEqual([command, command]);
    expect(readinessProbe).toBeUndefined();
    // The first probe that fails may come just after the thread was blocked.
    const leastSilenceMs = ({ periodSeconds, failureThreshold }: Probe) =>
      periodSeconds * (failureThreshold - 1) * 1000;
    expect(livenessProbe && leastSilenceMs(livenessProbe)).toBeGreaterThan(
      millisecondsOf(agent, 'MAX_BLOCK_MS'),
    );
    // The probe itself gives up after 4 s, and says why.
    expect(livenessProbe?.timeoutSeconds).toBeGreaterThan(4);
  },
);

test('agents have a name and a directory, and can end themselves', () => {
  expect(agents.map(({ kind, file }) => [kind, file])).toEqual([
    ['Deployment', 'agents-ephemeral.yaml'],
    ['StatefulSet', 'agents.yaml'],
  ]);
  for (const agent of agents) {
    expect(agent.container.env).toContainEqual({
      name: 'AGENT_ID',
      valueFrom: { fieldRef: { fieldPath: 'metadata.name' } },
    });
    const data = agent.container.volumeMounts.find(({ name }) => name === 'data');
    expect(data?.mountPath).toBe(environmentOf(agent).get('DATA_DIR'));
    // As process 1 it would not die of the SIGKILL that it sends itself.
    expect(agent.pod.shareProcessNamespace).toBe(true);
  }
  const [ephemeral, kept] = agents;
  expect(ephemeral?.pod.volumes).toContainEqual({ name: 'data', emptyDir: {} });
  expect(kept?.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual(['data']);
  // The group of the volume lets the user of the image write there.
  expect(kept?.pod.securityContext).toMatchObject({ fsGroup: 1000 });
});

test('each selector finds the Pods that it is for, and no others', () => {
  for (const { name, spec } of workloads) expect(workloadsOf(spec.selector)).toEqual([name]);
  const selected = (kind: string) =>
    documents
      .filter((one) => one.kind === kind)
      .map(
        ({ name, document }) =>
          [name, z.looseObject({ spec: z.looseObject({}) }).parse(document).spec] as const,
      );
  for (const [name, spec] of selected('Service')) {
    const matchLabels = labelsSchema.parse(spec['selector']);
    expect(workloadsOf({ matchLabels })).toEqual([name]);
  }
  for (const [name, spec] of selected('PodDisruptionBudget')) {
    expect(workloadsOf(selectorSchema.parse(spec['selector']))).toEqual([name]);
    // 0 would let no node be drained.
    expect(spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  }
  expect(selected('PodDisruptionBudget').map(([name]) => name)).toEqual(ours.map(({ name }) => name));
  for (const { name, spec } of workloads) {
    if (spec.serviceName !== undefined)
      expect([name, documentOf('Service', spec.serviceName)]).not.toContain(undefined);
  }
});

test('every Service leads to a port of its Pods', () => {
  const serviceSchema = headSchema.extend({
    spec: z.looseObject({
      ports: z.array(z.object({ name: z.string(), port: z.number(), targetPort: z.string() })).default([]),
    }),
  });
  const led = documents
    .filter(({ kind }) => kind === 'Service')
    .flatMap(({ document }) => {
      const { metadata, spec } = serviceSchema.parse(document);
      const ports = workloads.find(({ name }) => name === metadata.name)?.container.ports ?? [];
      return spec.ports.map(({ port, targetPort }) => {
        const target = ports.find(({ name }) => name === targetPort);
        return `${metadata.name}:${port} -> ${target?.containerPort}`;
      });
    });
  expect(led).toEqual(['fencepost-redis:6379 -> 6379', 'fencepost-server:3000 -> 3000']);
});

test('only servers and agents reach Redis, only Pods of the namespace a server, and none an agent', () => {
  const policySchema = headSchema.extend({
    spec: z.object({
      podSelector: selectorSchema,
      policyTypes: z.array(z.string()),
      ingress: z
        .array(
          z.object({
            from: z.array(z.object({ podSelector: selectorSchema })),
            ports: z.array(z.object({ port: z.number() })),
          }),
        )
        .default([]),
    }),
  });
  const reach = documents
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .map(({ document }) => {
      const { podSelector, policyTypes, ingress } = policySchema.parse(document).spec;
      const from = ingress.flatMap((rule) => rule.from.flatMap((peer) => workloadsOf(peer.podSelector)));
      const ports = ingress.flatMap((rule) => rule.ports.map(({ port }) => port));
      return { to: workloadsOf(podSelector), from, ports, policyTypes };
    });
  const all = workloads.map(({ name }) => name);
  expect(reach).toEqual([
    {
      to: ['fencepost-redis'],
      from: ours.map(({ name }) => name),
      ports: [6379],
      policyTypes: ['Ingress', 'Egress'],
    },
    { to: ['fencepost-server'], from: all, ports: [3000], policyTypes: ['Ingress'] },
    { to: agents.map(({ name }) => name), from: [], ports: [], policyTypes: ['Ingress'] },
  ]);
});

test('there is no secret in the files, and the guide makes the one that they name', () => {
  expect(documents.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  const keys = workloads.flatMap(({ container, pod }) => [
    ...container.env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
    ...pod.volumes.flatMap(({ secret }) =>
      secret ? secret.items.map(({ key }) => ({ name: secret.secretName, key })) : [],
    ),
  ]);
  const text = read(guide);
  expect(keys.length).toBeGreaterThan(0);
  for (const { name, key } of keys) {
    expect(text).toContain(`kubectl create secret generic ${name}`);
    expect(text).toContain(`--from-literal=${key}=`);
  }
  const [, host = '', port = ''] = /--from-literal=url="redis:\/\/:\$\w+@([\w-]+):(\d+)"/.exec(text) ?? [];
  expect([documentOf('Service', host) !== undefined, port]).toEqual([true, '6379']);
});

test('the guide names only what is there', () => {
  const names = new Set(documents.map(({ name }) => name));
  const text = read(guide);
  const named = [...text.matchAll(/\b(?:deployment|statefulset|service|pod)[/ ](fencepost-[\w-]+)/g)];
  const missing = named.map(([, name = '']) => name.replace(/-\d+$/, '')).filter((name) => !names.has(name));
  expect(missing).toEqual([]);
  expect(named.length).toBeGreaterThan(0);
});
