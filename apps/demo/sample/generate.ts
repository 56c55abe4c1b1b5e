// Writes the sample files: `node apps/demo/sample/generate.ts`. The same files every time.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROWS = 10_000;
const HEADER = 'email,name,role,department';

const firstNames = words(`
  Aaliyah Aaron Abdullah Abena Ada Adaeze Adriana Agnieszka Ahmed Aiko Ainhoa Aisha Akira Alejandro
  Aleksandra Alice Alisha Amara Amélie Ana Anders Andrea Anika Anna Antoine Anya Aoife Arjun Arta
  Asha Astrid Ayşe Babajide Beatriz Ben Benedikt Bianca Björn Bo Bruna Camila Carlos Carmen Cátia
  Chiara Chidi Chinedu Chloé Christian Clara Dalia Daniel Darius David Deepa Diego Dimitra Divya
  Dorota Eilidh Elena Eleni Elif Elsa Emeka Emil Emma Enrique Esi Esther Ewa Fatima Felix Femi
  Fernanda Finn Florence François Freya Gabriela Gael Giulia Grace Grzegorz Gustav Hadiza Hana
  Hannah Haruto Hassan Heidi Helena Hiroshi Hugo Ibrahim Ida Ikram Ilse Imani Ines Ingrid Isabel
  Ivan Jakub James Jana Javier Jelena Jian Jiho Joana Joao Johanna Jonas José Juan Julia Jürgen
  Kaito Karim Karin Katarzyna Kavya Keiko Kemal Khadija Kofi Kwame Lakshmi Lars Latoya Laura Layla
  Leila Leon Lerato Lina Linh Lucas Lucía Luis Luka Mai Malik Manon Marek Maria Mariam Mario Marta
  Martin Mateo Matilda Maya Mehmet Mei Michael Miguel Mila Milan Mina Minh Miriam Mohamed Mónica
  Nadia Naledi Naoki Natalia Nia Nikhil Nikola Nina Noah Noor Nora Nuno Oksana Olga Oliver Olivia
  Omar Oskar Paola Patrick Paulo Pavel Pedro Petra Priya Quynh Rafael Rahul Rania Raquel Ravi
  Rebecca Renata Ricardo Rohan Rosa Ruth Sadia Salma Samir Samuel Sandra Sanjay Sara Sarita Sean
  Selma Seo-yeon Shreya Sigrid Simon Siobhán Sofia Søren Stefan Sunita Svetlana Tadashi Tamar Tariq
  Tatiana Thabo Thandiwe Theo Thi Thomas Tomás Tuğba Uma Valentina Vera Victor Viktoria Vikram
  Wanjiru Wei William Xavier Ximena Yan Yara Yasmin Youssef Yui Yusuf Zainab Zeynep Zofia Zoë
`);

const lastNames = words(`
  Abbott Abdi Abe Acheampong Adeyemi Aguilar Ahmadi Akhtar Ali Almeida Álvarez Andersson Antonov
  Araújo Arslan Asante Bakker Balogun Banerjee Barbosa Barros Bauer Bello Bennett Berg Bianchi
  Boateng Böhm Bondarenko Brown Bui Campbell Cardoso Carter Castillo Chen Cho Choi Chukwu Clarke
  Cohen Costa Dahl Das De-Vries Demir Desai Diallo Díaz Diop Dlamini Doğan Dubois Eriksson Esposito
  Evans Farah Fernandes Fernández Ferrari Fischer Fontaine Fraser Friedman Fujita García Ghosh
  Gomes González Goldberg Gupta Gutiérrez Haddad Hall Hansen Haruna Hashimoto Hayashi Hernández
  Herrera Hoang Hoffmann Horvat Huang Hussain Ibrahim Ito Ivanova Iyer Jackson Jansen Jiménez
  Johansson Jones Joshi Jovanović Juma Kamau Kaplan Kapoor Karlsson Katz Kaya Keller Khalil Khan
  Kim Kimura King Kovács Kowalski Krüger Kumar Kuznetsov Larsen Laurent Le Lee Lehmann Leroy Levy
  Li Lindgren Liu Lopes López Lund Mahlangu Maier Makeba Malik Mancini Marino Martin Martínez
  Mbeki Medina Mehta Mendes Mensah Meyer Mishra Mokoena Molina Morales Moreau Moreira Moretti
  Murphy Mutua Mwangi Nakamura Nair Navarro Ncube Ndiaye Nel Nguyen Nielsen Nikolić Novák Nowak
  Nwosu Nyong'o O'Brien O'Connor Obi Ochieng Okafor Okeke Okonkwo Olsen Ono Ortiz Osei Owusu
  Öztürk Park Patel Pereira Pérez Persson Petrov Pham Phiri Pillai Popescu Prasad Quispe Rahman
  Ramírez Ramos Rao Reddy Reyes Ribeiro Ricci Richter Rivera Rocha Rodríguez Romano Rossi Roux
  Ruiz Saito Salazar Salem Sánchez Santos Sato Schäfer Schmidt Schneider Schwarz Sharma Shah
  Silva Singh Sithole Smith Soares Sokolov Sørensen Sousa Sow Suzuki Svensson Szabó Takahashi Tan
  Tanaka Taylor Tesfaye Tran Traoré Turner Usman Vargas Vázquez Virtanen Vogel Wagner Walker Wang
  Watanabe Weber Williams Wójcik Wolf Wong Wright Wu Yamamoto Yang Yıldız Yilmaz Yoon Zhang Zhou Zulu
`);

const departments = [
  'Customer Success',
  'Design',
  'Engineering',
  'Facilities',
  'Finance',
  'Legal',
  'Marketing',
  'Operations',
  'People',
  'Product',
  'Research, Data',
  'Sales',
];

const random = seeded(20_261_123);
writeFileSync(here('users-10000.csv'), lines([HEADER, ...validRows(ROWS)]));
writeFileSync(here('users-bad-rows.csv'), lines([HEADER, ...rowsWithMistakes()]));

function validRows(count: number): string[] {
  const taken = new Map<string, number>();
  return Array.from({ length: count }, () => {
    const [first, last] = [pick(firstNames), pick(lastNames)];
    const address = `${ascii(first)}.${ascii(last)}`;
    const namesakes = (taken.get(address) ?? 0) + 1;
    taken.set(address, namesakes);
    const email = `${address}${namesakes === 1 ? '' : namesakes}@example.com`;
    return row([email, `${first} ${last}`, role(), pick(departments)]);
  });
}

/** Thirty rows of which eight cannot be imported. */
function rowsWithMistakes(): string[] {
  const rows = validRows(22).map((text) => text.replace('@example.com', '@bad-rows.example.com'));
  const firstEmail = rows[0]?.split(',')[0] ?? '';
  const mistakes: [number, string][] = [
    [3, 'not-an-address,Marge Innovera,member,Finance'],
    [6, 'no.name@bad-rows.example.com,,member,Sales'],
    [9, 'too.few@bad-rows.example.com,Tove Fewe'],
    [13, 'too.many@bad-rows.example.com,Max Many,member,Legal,Berlin'],
    [17, 'wrong.role@bad-rows.example.com,Wilma Roe,superuser,Engineering'],
    [20, `${firstEmail},Same Address,member,Design`],
    [24, ',Nadia Noaddress,viewer,People'],
    [28, 'spaces in@bad-rows.example.com,Sam Spaces,member,Operations'],
  ];
  for (const [index, text] of mistakes) rows.splice(index, 0, text);
  return rows;
}

function role(): string {
  const share = random();
  if (share < 0.04) return 'admin';
  return share < 0.12 ? 'viewer' : 'member';
}

function row(fields: string[]): string {
  return fields.map((field) => (/[",]/.test(field) ? `"${field}"` : field)).join(',');
}

function lines(rows: string[]): string {
  return `${rows.join('\n')}\n`;
}

function ascii(name: string): string {
  const spelled = name.replaceAll('ø', 'o').replaceAll('Ø', 'O').replaceAll('ı', 'i');
  return spelled
    .normalize('NFD')
    .replace(/[^A-Za-z-]/g, '')
    .toLowerCase();
}

function pick(values: readonly string[]): string {
  return values[Math.floor(random() * values.length)] ?? '';
}

/** Mulberry32: small, and the same numbers on every machine. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

function here(file: string): string {
  return join(import.meta.dirname, file);
}
