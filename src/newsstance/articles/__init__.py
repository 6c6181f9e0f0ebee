"""From files of any supported format to articles, and from articles to sentences with exact offsets."""
