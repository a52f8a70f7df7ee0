mod archives;
mod elf;
mod files;
mod hostile;
mod subjects;
mod sweep;
mod texts;
