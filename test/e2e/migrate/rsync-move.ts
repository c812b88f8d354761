/** What people do without twintree: rsync while the service runs, stop it, rsync again, start it on the new host with the address of the old one. */
import type { Service } from './services.js';
import type { ThreeHosts } from './hosts.js';

export async function moveByRsync(hosts: ThreeHosts, service: Service): Promise<void> {
  const rsync = async (): Promise<void> => {
    const { sshd } = hosts;
    await hosts.run('old', 'sh', '-c', `rsync -aHAX --delete -e "$0" "$1/" "box:$2"; code=$?; [ $code = 24 ] || exit $code`, sshd.rsh, service.data('old'), service.data('new')); // 24: a file was gone by then
  };
  await rsync();
  await service.systemctl('stop', 'old');
  await rsync();
  await hosts.address('drop', 'old', service.address);
  await service.systemctl('start', 'new');
  await hosts.address('take', 'new', service.address);
}
