/** What people do without twintree: rsync while services run, stop them, rsync again, start them on the new host with the address of the old one. */
import type { Service } from './services.js';
import type { ThreeHosts } from './hosts.js';

/** All of them are moved at once: the folders of all below `srv`. */
export async function moveByRsync(hosts: ThreeHosts, services: readonly Service[]): Promise<void> {
  const rsync = async (): Promise<void> => {
    const folders = services.map((service) => service.data('old'));
    // 24: a file was gone by then
    await hosts.run('old', 'sh', '-c', 'rsync -aHAX --delete -e "$0" "$@" || [ $? = 24 ]', hosts.sshd.rsh, ...folders, `box:${hosts.at('new', 'srv')}`);
  };
  await rsync();
  for (const service of services) await service.systemctl('stop', 'old');
  await rsync();
  for (const service of services) await service.systemctl('start', 'new');
  for (const { address } of services) await hosts.address('take', 'new', address);
  for (const { address } of services) await hosts.address('drop', 'old', address);
}
