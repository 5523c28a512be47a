/** Who the node is: its address and its keys. */

import {
  address,
  boolean,
  httpUrl,
  inlineKeystore,
  inputFile,
  literalSecret,
  pem,
  privateKey,
  secretPem,
  text,
} from '../leaf-options.js';
import { group, optionalGroup } from '../option.js';

const remoteSigner = boolean({ doc: 'Sign with Web3Signer instead of a local key.', default: false });

const remoteSignerConfig = optionalGroup(
  {
    doc: 'How to reach Web3Signer. Certificates and key are PEM text or paths; files are read again when they are renewed.',
  },
  {
    url: httpUrl({ doc: 'Where it listens.', required: true }),
    fromAddress: address({ doc: 'The address of the key; this, or publicKey, or both.' }),
    publicKey: text({ doc: 'The public key, as the signer lists it.' }),
    caCert: pem({ doc: "The authority of the server's certificate; absent: those that Node.js knows." }),
    cert: pem({ doc: 'The certificate of this client.' }),
    key: secretPem({ doc: 'The private key of that certificate, without a password.' }),
  },
);

const password = literalSecret({
  doc: 'Password of the keystore, taken as it stands; absent (and no passwordFile): the empty password.',
});
const PASSWORD_FILE = 'A file whose content, without its last line break, is the password.';

const operatorPrivateKeyKeys = {
  privateKey: privateKey({ doc: 'The key that pays for transactions, as hex.' }),
  remoteSigner,
  remoteSignerConfig,
};

const signingKeys = group(
  { doc: 'The keys this operator registered for its operator sets. At least one.' },
  {
    bls: optionalGroup(
      { doc: 'BN254 key.' },
      {
        keystore: inlineKeystore({ doc: 'The keystore itself, as JSON text; wins over keystoreFile.' }),
        keystoreFile: inputFile({
          doc: 'Path of the keystore, as `ponos keygen` writes it.',
          example: './keys/operator_bn254.json',
        }),
        password,
        passwordFile: inputFile({ doc: PASSWORD_FILE, example: './keys/operator_bn254.password' }),
      },
    ),
    ecdsa: optionalGroup(
      {
        doc: 'secp256k1 key: privateKey, a keystore of version 3, or a remote signer.',
        aliases: { useRemoteSigner: 'remoteSigner' },
        hoist: 'keystore',
      },
      {
        privateKey: privateKey({ doc: 'The key as hex.' }),
        keystore: inlineKeystore({ doc: 'A keystore of version 3, as JSON text; wins over keystoreFile.' }),
        keystoreFile: inputFile({ doc: 'Path of a keystore of version 3.' }),
        password,
        passwordFile: inputFile({ doc: PASSWORD_FILE }),
        remoteSigner,
        remoteSignerConfig,
      },
    ),
  },
);

const aliases = { useRemoteSigner: 'remoteSigner' };

export const aggregatorOperator = group(
  { doc: 'The operator this node acts for.' },
  {
    address: address({
      doc: "The aggregator's operator.",
      required: true,
      exampleVariable: 'OPERATOR_ADDRESS',
    }),
    operatorPrivateKey: group(
      { doc: 'The key that pays for the transactions with results.', aliases },
      {
        ...operatorPrivateKeyKeys,
        privateKey: privateKey({
          doc: 'The key that pays for transactions, as hex.',
          exampleVariable: 'OPERATOR_PRIVATE_KEY',
        }),
      },
    ),
    signingKeys,
  },
);

export const executorOperator = group(
  { doc: 'The operator this node acts for.' },
  {
    address: address({
      doc: "The executor's operator.",
      required: true,
      exampleVariable: 'OPERATOR_ADDRESS',
    }),
    operatorPrivateKey: optionalGroup(
      { doc: 'Accepted; an executor sends no transactions.', aliases, omitFromStarter: true },
      operatorPrivateKeyKeys,
    ),
    signingKeys,
  },
);
