// Forms the replica set, once. Repeating it changes nothing, so a container may run it at every start.
//
//   MEMBERS=mongo1:27017,mongo2:27017,mongo3:27017 mongosh --host mongo1 --file init-replica-set.js
//
// Run it against one member only: the others join by being named. Without MEMBERS it is a set of this one node, for trying out.

const NOT_YET_INITIALIZED = 94;
const PRIMARY_WITHIN_MS = 60_000;
const name = process.env.REPLICA_SET || 'rs0';
const hosts = (process.env.MEMBERS || '127.0.0.1:27017').split(',').map((host) => host.trim());

function isFormed() {
  try {
    rs.status();
    return true;
  } catch (error) {
    if (error.code !== NOT_YET_INITIALIZED) throw error;
    return false;
  }
}

function waitForPrimary() {
  const deadline = Date.now() + PRIMARY_WITHIN_MS;
  while (!db.hello().isWritablePrimary && !db.hello().primary) {
    if (Date.now() > deadline) throw new Error(`no primary within ${PRIMARY_WITHIN_MS / 1000} s: do the members reach each other by these names?`);
    sleep(500);
  }
}

if (isFormed()) {
  print(`replica set ${name} is there already`);
} else {
  rs.initiate({ _id: name, members: hosts.map((host, number) => ({ _id: number, host })) });
  waitForPrimary();
  print(`replica set ${name} formed of ${hosts.join(', ')}`);
}

// Coffer asks for it with every write; a client that forgets to gets the same.
if (db.hello().isWritablePrimary) {
  db.adminCommand({ setDefaultRWConcern: 1, defaultWriteConcern: { w: 'majority', j: true }, defaultReadConcern: { level: 'majority' } });
}
