// play.js - how a case is played: one line each, then the totals.
'use strict';

const assert = require('node:assert/strict');
const amqp = require('amqplib');

const URL_OF_BROKER = process.argv[2];
const PATIENCE = 30000; // milliseconds without any progress
const PREFIX = `interop.amqplib.${process.pid}.`;

/** What one run of one case opened, to be taken away afterwards. */
class Play {
  connections = [];
  queues = [];
  exchanges = [];

  async connect(options) {
    const connection = await amqp.connect(URL_OF_BROKER, options);
    connection.on('error', () => {}); // the closing itself is what cases look at
    this.connections.push(connection);
    return connection;
  }

  async channel(connection) {
    const channel = await (connection || (await this.connect())).createChannel();
    channel.on('error', () => {});
    return channel;
  }

  async confirming(connection) {
    const channel = await (connection || (await this.connect())).createConfirmChannel();
    channel.on('error', () => {});
    return channel;
  }

  async queue(channel, name) {
    this.queues.push(PREFIX + name);
    await channel.assertQueue(PREFIX + name, {durable: true});
    return PREFIX + name;
  }

  async exchange(channel, name, type) {
    this.exchanges.push(PREFIX + name);
    await channel.assertExchange(PREFIX + name, type, {durable: true});
    return PREFIX + name;
  }

  /** Publishes one confirmed durable message per body. */
  async fill(queue, bodies) {
    const channel = await this.confirming();
    for (const body of bodies)
      await published(channel, '', queue, body);
    await channel.close();
  }

  async clean() {
    for (const connection of this.connections)
      await within(connection.close(), 'connection.close-ok', 1000).catch(() => {});
    const connection = await amqp.connect(URL_OF_BROKER);
    const channel = await connection.createChannel();
    for (const name of this.queues) await channel.deleteQueue(name);
    for (const name of this.exchanges) await channel.deleteExchange(name);
    await connection.close();
  }
}

/** Collects deliveries; next() waits for one. */
class Inbox {
  waiting = [];
  taker = null;

  put = (message) => {
    this.waiting.push(message);
    if (this.taker) this.taker();
  };

  async next() {
    if (!this.waiting.length)
      await within(new Promise((resolve) => (this.taker = resolve)), 'a delivery');
    return this.waiting.shift();
  }

  async expect(...bodies) {
    const all = [];
    for (const body of bodies) {
      const message = await this.next();
      assert.equal(message && message.content.toString(), String(body));
      all.push(message);
    }
    return all;
  }

  async nothing() {
    await sleep(200);
    assert.equal(this.waiting.length, 0, 'unexpected delivery');
  }
}

async function consume(channel, queue, options) {
  const inbox = new Inbox();
  inbox.tag = (await channel.consume(queue, inbox.put, options)).consumerTag;
  return inbox;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The promise's value, or a failure when it takes too long. */
function within(promise, what, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Publishes one durable message; resolves with its confirm. */
function published(channel, exchange, key, body, options) {
  const confirm = new Promise((resolve, reject) =>
    channel.publish(exchange, key, Buffer.from(String(body)), {persistent: true, ...options},
      (refused) => (refused ? reject(refused) : resolve())));
  return within(confirm, 'a confirm');
}

function range(from, to) {
  return Array.from({length: to - from}, (_, n) => from + n);
}

async function play(name, steps) {
  const run = new Play();
  try {
    await within(steps(run), 'the end of the case', 5 * PATIENCE);
    console.log(`ok     ${name}`);
    return true;
  } catch (why) {
    console.log(`FAILED ${name}: ${why.message.replaceAll('\n', ' ')}`);
    return false;
  } finally {
    await run.clean().catch((why) => console.log(`not cleaned up: ${why.message}`));
  }
}

async function main() {
  const {cases} = require('./cases.js');
  const {version} = require(require.resolve('amqplib').replace(/[^/]*$/, 'package.json'));
  console.log(`amqplib ${version}, Node ${process.version}`);
  let passed = 0;
  for (const [name, steps] of cases) passed += await play(name, steps);
  console.log(`${passed} passed, ${cases.length - passed} failed`);
  process.exit(passed === cases.length ? 0 : 1);
}

module.exports = {URL_OF_BROKER, PATIENCE, PREFIX, consume, published, range, sleep, within};
if (require.main === module) main();
