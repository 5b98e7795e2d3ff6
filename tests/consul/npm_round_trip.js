// The package `consul` of npm against an agent at HOST PORT: register, watch, pass, list, maintain, deregister.
// Prints one JSON line for each thing it learned.
const { createRequire } = require('module');
const [host, port, place] = process.argv.slice(2);
const Consul = createRequire(place + '/')('consul');
const consul = new Consul({ host, port: Number(port) });
const say = (what, value) => console.log(JSON.stringify([what, value]));

async function main() {
  await consul.agent.service.register({
    name: 'shop', id: 'shop-1', port: 8080, address: '10.0.0.8', tags: ['blue'], check: { ttl: '60s', notes: 'n' },
  });
  const seen = [];
  const watch = consul.watch({
    method: consul.health.service, options: { service: 'shop', passing: true }, backoffFactor: 100,
  });
  const arrived = (wanted) => new Promise((resolve) => {
    const look = () => { if (JSON.stringify(seen.at(-1)) === JSON.stringify(wanted)) resolve(); };
    watch.on('change', look);
    look();
  });
  watch.on('change', (data) => seen.push(data.map((each) => each.Service.ID)));
  watch.on('error', (error) => say('error', String(error)));
  await arrived([]);
  await consul.agent.check.pass({ id: 'service:shop-1', note: 'fine' });
  await arrived(['shop-1']);
  say('services', Object.keys(await consul.agent.service.list()));
  say('tags', (await consul.catalog.service.list()).shop);
  say('node', (await consul.catalog.service.nodes('shop'))[0].ServiceAddress);
  say('checks', (await consul.health.checks('shop')).map((each) => [each.CheckID, each.Status, each.Output]));
  await consul.agent.service.maintenance({ id: 'shop-1', enable: true, reason: 'r' });
  await arrived([]);
  await consul.agent.service.maintenance({ id: 'shop-1', enable: false });
  await arrived(['shop-1']);
  await consul.agent.service.deregister('shop-1');
  await arrived([]);
  watch.end();
  say('seen', seen);
  try {
    await consul.agent.service.deregister('shop-1');
  } catch (error) {
    say('unknown', [error.statusCode || error.response?.statusCode, String(error.message)]);
  }
  say('leader', await consul.status.leader());
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
