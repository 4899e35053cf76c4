// cases.js - the interop list in amqplib.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const amqp = require('amqplib');
const {URL_OF_BROKER, PATIENCE, PREFIX, consume, published, range, sleep, within} =
  require('./play.js');

const cases = [
  ['connect with heartbeat', connectWithHeartbeat],
  ['wrong password is refused with 403', wrongPassword],
  ['missing vhost is refused with 530', missingVhost],
  ['declare, bind and route', declareBindRoute],
  ['exchange to exchange', exchangeToExchange],
  ['confirms one at a time', (p) => publishAndCount(p, 'single', 200, 1)],
  ['confirms in a batch', (p) => publishAndCount(p, 'batch', 1000, 1000)],
  ['confirms asynchronously', (p) => publishAndCount(p, 'async', 10000, 100)],
  ['mandatory return before confirm', mandatoryReturn],
  ['prefetch and acknowledged consuming', prefetch],
  ['ack multiple', ackMultiple],
  ['nack requeues in order, redelivered', nackRequeues],
  ['reject without requeue discards', rejectDiscards],
  ['cancel by the client', cancelByClient],
  ['cancel by queue deletion', cancelByDeletion],
  ['get', get],
  ['body of 0 bytes', (p) => body(p, 0)],
  ['body of 1 MiB', (p) => body(p, 1 << 20)],
  ['body of 32 MiB', (p) => body(p, 32 << 20)],
  ['headers of every type', headersOfEveryType],
  ['missing queue 404, channel reused', missingQueue],
  ['exclusive queue 405', exclusiveQueue],
  ['precondition failed 406', preconditionFailed],
  ['100000 messages', hundredThousand],
  ['redelivery after channel close', redeliveryAfterChannel],
  ['redelivery after connection close', redeliveryAfterConnection],
];

async function connectWithHeartbeat(p) {
  const url = new URL(URL_OF_BROKER);
  url.searchParams.set('heartbeat', '2');
  const connection = await amqp.connect(url.href);
  p.connections.push(connection);
  connection.on('error', () => {});
  assert.equal(connection.connection.heartbeat, 2);
  await sleep(5000);
  await (await p.channel(connection)).assertQueue('', {exclusive: true});
}

async function wrongPassword() {
  const url = new URL(URL_OF_BROKER);
  url.password = 'wrong';
  await assert.rejects(amqp.connect(url.href), /403 \(ACCESS.REFUSED\).*ACCESS_REFUSED/);
}

async function missingVhost() {
  const url = new URL(URL_OF_BROKER);
  url.pathname = `/${PREFIX}nowhere`;
  // The library keeps the code to itself.
  await assert.rejects(amqp.connect(url.href), /Expected ConnectionOpenOk; got <ConnectionClose/);
}

async function declareBindRoute(p) {
  const channel = await p.confirming();
  const exchange = await p.exchange(channel, 'topic', 'topic');
  const queue = await p.queue(channel, 'routed');
  await channel.bindQueue(queue, exchange, 'a.*.c');
  for (const key of ['a.b.c', 'a.b.d', 'a.x.c']) await published(channel, exchange, key, key);
  const inbox = await consume(channel, queue, {noAck: true});
  await inbox.expect('a.b.c', 'a.x.c');
  await inbox.nothing();
  await channel.unbindQueue(queue, exchange, 'a.*.c');
}

async function exchangeToExchange(p) {
  const channel = await p.confirming();
  const first = await p.exchange(channel, 'first', 'fanout');
  const second = await p.exchange(channel, 'second', 'direct');
  const queue = await p.queue(channel, 'behind');
  await channel.bindExchange(second, first, '');
  await channel.bindQueue(queue, second, 'key');
  await published(channel, first, 'key', 1);
  await published(channel, first, 'other', 2);
  await channel.unbindExchange(second, first, '');
  await published(channel, first, 'key', 3);
  const inbox = await consume(channel, queue, {noAck: true});
  await inbox.expect(1);
  await inbox.nothing();
}

async function publishAndCount(p, name, count, window) {
  const channel = await p.confirming();
  const queue = await p.queue(channel, name);
  await publish(channel, queue, count, window);
  assert.equal((await channel.checkQueue(queue)).messageCount, count);
}

/** Publishes count messages with at most window unconfirmed and holds that
 * each is confirmed exactly once, by the frames and by the callbacks. */
async function publish(channel, queue, count, window) {
  const outstanding = new Set();
  let progress = Date.now();
  const done = new Promise((resolve, reject) => {
    let next = 0, confirmed = 0;
    channel.on('ack', ({deliveryTag, multiple}) => {
      if (!outstanding.has(deliveryTag)) reject(new Error(`confirm ${deliveryTag} is not awaited`));
      if (!multiple) return outstanding.delete(deliveryTag);
      for (const tag of outstanding) { // in the order of publishing
        if (tag > deliveryTag) break;
        outstanding.delete(tag);
      }
    });
    const fill = () => {
      while (next < count && next - confirmed < window) {
        outstanding.add(next + 1);
        channel.sendToQueue(queue, Buffer.from(String(next)), {persistent: true}, onConfirm);
        next++;
      }
    };
    const onConfirm = (refused) => {
      if (refused) return reject(refused);
      progress = Date.now();
      if (++confirmed === count) resolve();
      else fill();
    };
    fill();
  });
  await whileMoving(done, () => progress, `all of ${count} confirms`);
  await channel.waitForConfirms();
  await channel.checkQueue(queue); // a confirm too many would come before this answer
  assert.equal(outstanding.size, 0, 'unconfirmed');
}

/** Waits for the promise as long as the time progress() tells goes on. */
async function whileMoving(promise, progress, what) {
  let timer;
  const stuck = new Promise((_, reject) => {
    timer = setInterval(() => {
      if (Date.now() - progress() > PATIENCE) reject(new Error(`waited in vain for ${what}`));
    }, 1000);
  });
  await Promise.race([promise, stuck]).finally(() => clearInterval(timer));
}

async function mandatoryReturn(p) {
  const channel = await p.confirming();
  const events = [];
  channel.on('return', (message) => events.push(message));
  await published(channel, '', `${PREFIX}nobody`, 'back', {mandatory: true});
  events.push('confirm');
  assert.equal(events.length, 2, 'one return before the confirm');
  assert.equal(events[0].fields.replyCode, 312);
  assert.equal(events[0].fields.replyText, 'NO_ROUTE');
  assert.equal(events[0].content.toString(), 'back');
}

async function prefetch(p) {
  const channel = await p.channel();
  const queue = await p.queue(channel, 'prefetch');
  await p.fill(queue, range(0, 10));
  await channel.prefetch(3);
  const inbox = await consume(channel, queue);
  const held = await inbox.expect(0, 1, 2);
  await inbox.nothing();
  for (let n = 3; n < 10; n++) {
    channel.ack(held.shift());
    held.push(...(await inbox.expect(n)));
  }
  for (const message of held) channel.ack(message);
  await channel.close();
  assert.equal((await (await p.channel()).checkQueue(queue)).messageCount, 0);
}

async function ackMultiple(p) {
  const connection = await p.connect();
  const channel = await p.channel(connection);
  const queue = await p.queue(channel, 'multiple');
  await p.fill(queue, range(0, 10));
  const held = await (await consume(channel, queue)).expect(...range(0, 10));
  channel.ack(held[6], true);
  await channel.close();
  const again = await consume(await p.channel(connection), queue, {noAck: true});
  await again.expect(7, 8, 9);
}

async function nackRequeues(p) {
  const channel = await p.channel();
  const queue = await p.queue(channel, 'requeue');
  await p.fill(queue, range(0, 6));
  let last;
  for (let n = 0; n < 4; n++) last = await channel.get(queue);
  channel.nack(last, true, true);
  const all = await (await consume(channel, queue, {noAck: true})).expect(...range(0, 6));
  assert.deepEqual(all.map((m) => m.fields.redelivered), [true, true, true, true, false, false]);
}

async function rejectDiscards(p) {
  const channel = await p.channel();
  const queue = await p.queue(channel, 'reject');
  await p.fill(queue, range(0, 3));
  const held = [await channel.get(queue), await channel.get(queue), await channel.get(queue)];
  channel.reject(held[0], false);
  channel.reject(held[1], true);
  channel.nack(held[2], false, false);
  const inbox = await consume(channel, queue, {noAck: true});
  await inbox.expect(1);
  await inbox.nothing();
}

async function cancelByClient(p) {
  const channel = await p.channel();
  const queue = await p.queue(channel, 'cancel');
  const inbox = await consume(channel, queue);
  await channel.cancel(inbox.tag);
  await p.fill(queue, [0]);
  await inbox.nothing();
  const {messageCount, consumerCount} = await channel.checkQueue(queue);
  assert.deepEqual([messageCount, consumerCount], [1, 0]);
}

async function cancelByDeletion(p) {
  const connection = await p.connect();
  const channel = await p.channel(connection);
  const queue = await p.queue(channel, 'deleted');
  const inbox = await consume(channel, queue);
  await (await p.channel(connection)).deleteQueue(queue);
  assert.equal(await inbox.next(), null); // so the library tells of a cancel
}

async function get(p) {
  const channel = await p.channel();
  const queue = await p.queue(channel, 'get');
  assert.equal(await channel.get(queue), false);
  await p.fill(queue, [0, 1]);
  const first = await channel.get(queue);
  assert.equal(first.content.toString(), '0');
  assert.equal(first.fields.messageCount, 1);
  assert.equal(first.properties.deliveryMode, 2);
  channel.ack(first);
  const second = await channel.get(queue, {noAck: true});
  assert.equal(second.content.toString(), '1');
  assert.equal(second.fields.messageCount, 0);
}

async function body(p, size) {
  const sent = crypto.randomBytes(size);
  const channel = await p.confirming();
  const queue = await p.queue(channel, 'body');
  await within(new Promise((resolve, reject) =>
    channel.sendToQueue(queue, sent, {persistent: true}, (refused) =>
      refused ? reject(refused) : resolve())), 'the confirm');
  const back = await (await consume(channel, queue, {noAck: true})).next();
  assert.equal(back.content.length, size);
  assert.ok(back.content.equals(sent), 'other bytes came back');
}

async function headersOfEveryType(p) {
  const typed = {
    float: {'!': 'float', value: 1.5},
    uint8: {'!': 'uint8', value: 255},
    uint16: {'!': 'uint16', value: 65535},
    uint32: {'!': 'uint32', value: 4294967295},
    decimal: {'!': 'decimal', value: {digits: 314, places: 2}},
    time: {'!': 'timestamp', value: 981173106},
  };
  const plain = {
    bool: true, not: false, int8: -128, int16: -32768, int32: -2147483648,
    int64: -(2 ** 52), double: 2.25, string: 'grüße', bytes: Buffer.from([0, 255]),
    table: {inner: {deep: 1}, empty: {}}, array: [1, 'two', null, [3.5], {four: 4}],
    void: null,
  };
  const options = {
    contentType: 'text/plain', contentEncoding: 'utf-8', deliveryMode: 2, priority: 3,
    correlationId: 'correlation', replyTo: 'reply', expiration: '600000',
    messageId: 'message', timestamp: 981173106, type: 'type',
    userId: decodeURIComponent(new URL(URL_OF_BROKER).username), appId: 'app',
  };
  const channel = await p.confirming();
  const queue = await p.queue(channel, 'headers');
  await published(channel, '', queue, '', {...options, headers: {...plain, ...typed}});
  const {properties} = await channel.get(queue, {noAck: true});
  assert.deepEqual(properties.headers, {
    ...plain, float: 1.5, uint8: 255, uint16: 65535, uint32: 4294967295,
    decimal: typed.decimal, time: {'!': 'timestamp', value: 981173106},
  });
  for (const [name, value] of Object.entries(options)) assert.equal(properties[name], value, name);
}

/** Waits for the channel's error, which must carry this code. */
async function closes(channel, code, action) {
  const closed = new Promise((resolve) => channel.once('error', resolve));
  Promise.resolve(action()).catch(() => {}); // the channel's own error says more
  assert.equal((await within(closed, 'channel.close')).code, code);
}

async function missingQueue(p) {
  const connection = await p.connect();
  for (let n = 0; n < 3; n++) {
    const channel = await p.channel(connection);
    assert.equal(channel.ch, 1); // the library takes the lowest free number
    await closes(channel, 404, () => channel.checkQueue(`${PREFIX}nowhere`));
  }
  await (await p.channel(connection)).assertQueue('', {exclusive: true});
}

async function exclusiveQueue(p) {
  const owner = await p.connect();
  const other = await p.connect();
  const {queue} = await (await p.channel(owner)).assertQueue('', {exclusive: true});
  let channel = await p.channel(other);
  await closes(channel, 405, () => channel.checkQueue(queue));
  await owner.close();
  channel = await p.channel(other);
  await closes(channel, 404, () => channel.checkQueue(queue));
}

async function preconditionFailed(p) {
  const connection = await p.connect();
  const queue = await p.queue(await p.channel(connection), 'durable');
  let channel = await p.channel(connection);
  await closes(channel, 406, () => channel.assertQueue(queue, {durable: false}));
  channel = await p.channel(connection);
  await closes(channel, 406, () => channel.ack({fields: {deliveryTag: 1}}));
}

async function hundredThousand(p) {
  const count = 100000;
  const producer = await p.confirming();
  const consumer = await p.channel();
  const queue = await p.queue(producer, 'many');
  await consumer.prefetch(1000);
  let seen = 0, progress = Date.now();
  const drained = new Promise((resolve, reject) => {
    consumer.consume(queue, (message) => {
      progress = Date.now();
      const body = message && message.content.toString();
      if (body !== String(seen) || message.fields.redelivered)
        return reject(new Error(`${body} instead of ${seen}`));
      if (++seen % 100 === 0) consumer.ack(message, true);
      if (seen === count) resolve();
    });
  });
  await Promise.all([
    publish(producer, queue, count, 2000),
    whileMoving(drained, () => progress, 'all messages'),
  ]);
  await consumer.close();
  assert.equal((await producer.checkQueue(queue)).messageCount, 0);
}

async function redelivered(channel, queue) {
  const all = await (await consume(channel, queue, {noAck: true})).expect(0, 1, 2);
  assert.deepEqual(all.map((m) => m.fields.redelivered), [true, true, true]);
}

async function redeliveryAfterChannel(p) {
  const connection = await p.connect();
  const channel = await p.channel(connection);
  const queue = await p.queue(channel, 'channel');
  await p.fill(queue, range(0, 3));
  await (await consume(channel, queue)).expect(0, 1, 2);
  await channel.close();
  await redelivered(await p.channel(connection), queue);
}

async function redeliveryAfterConnection(p) {
  const connection = await p.connect();
  const channel = await p.channel(connection);
  const queue = await p.queue(channel, 'connection');
  await p.fill(queue, range(0, 3));
  await (await consume(channel, queue)).expect(0, 1, 2);
  connection.connection.stream.destroy(); // no connection.close
  await redelivered(await p.channel(), queue);
}

module.exports = {cases};
