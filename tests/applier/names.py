#!/usr/bin/env python3
"""Folders whose names change while nobody looks, as users do it in several
steps: the other site goes from the names that were to those that are."""

import os
import sys

import plainsites

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def make(site, *names):
    """Folders with a mail each, named as they are."""
    for number, name in enumerate(names):
        site.folder(name, 1000 + number, '0123456789'[number])
        site.save('m' + name, name)


def carry(a, b):
    for site in (a, b, a):
        site.run('sync')


def rename(site, old, new):
    """One directory alone."""
    os.rename(os.path.join(site.mail, old), os.path.join(site.mail, new))


def same(a, b, names):
    """Both have these folders {name: base of its mail} and no others."""
    for site in (a, b):
        there = {name: site.uids(name) for name in os.listdir(site.mail)
                 if name.startswith('.')}
        wanted = {name: {1: base} for name, base in names.items()}
        assert there == wanted, '%s: %s' % (site.name, there)


@check
def a_folder_moves_below_its_own_name(sites):
    a, b = sites.two()
    make(a, '', '.Work', '.Work.Sub')
    carry(a, b)
    rename(a, '.Work.Sub', '.X.Sub')
    rename(a, '.Work', '.X')
    rename(a, '.X', '.Work.Old')
    carry(a, b)
    same(a, b, {'.Work.Old': 'm.Work', '.X.Sub': 'm.Work.Sub'})


@check
def a_folder_moves_below_its_own_name_with_its_children(sites):
    a, b = sites.two()
    make(a, '', '.Work', '.Work.Sub')
    carry(a, b)
    rename(a, '.Work.Sub', '.Work.Old.Sub')
    rename(a, '.Work', '.Work.Old')
    carry(a, b)
    same(a, b, {'.Work.Old': 'm.Work', '.Work.Old.Sub': 'm.Work.Sub'})


@check
def another_takes_the_name_that_it_moves_below(sites):
    a, b = sites.two()
    make(a, '', '.Work', '.Other')
    carry(a, b)
    rename(a, '.Work', '.Work.Old')
    rename(a, '.Other', '.Work')
    carry(a, b)
    same(a, b, {'.Work.Old': 'm.Work', '.Work': 'm.Other'})


@check
def a_child_takes_the_place_of_its_parent(sites):
    a, b = sites.two()
    make(a, '', '.Work', '.Work.Sub')
    carry(a, b)
    rename(a, '.Work', '.Gone')
    rename(a, '.Work.Sub', '.Work')
    rename(a, '.Gone', '.Work.Sub')
    carry(a, b)
    same(a, b, {'.Work': 'm.Work.Sub', '.Work.Sub': 'm.Work'})


@check
def three_exchange_their_names(sites):
    a, b = sites.two()
    make(a, '', '.A', '.B', '.C')
    carry(a, b)
    for old, new in (('.A', '.T'), ('.B', '.A'), ('.C', '.B'), ('.T', '.C')):
        rename(a, old, new)
    carry(a, b)
    same(a, b, {'.A': 'm.B', '.B': 'm.C', '.C': 'm.A'})


if __name__ == '__main__':
    sys.exit(plainsites.main(CHECKS))
